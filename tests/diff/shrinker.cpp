#include "tests/diff/shrinker.h"

#include "tests/diff/comparison.h"

namespace quince::test {

namespace {

class Shrinker {
 public:
  Shrinker(const Finding& f, Engine& ours, Engine& theirs)
      : best_(f), ours_(ours), theirs_(theirs) {}

  Finding run() {
    OracleCase c = best_.c;
    move_to_slot(c, 0);
    if (!accept(c)) return best_;
    // What one pass removes may be what another piece was needed for.
    for (bool again = true; again;) {
      again = remove_instructions();
      again |= clear_values();
    }
    return best_;
  }

 private:
  /// Keeps the case when the engines still differ.
  bool accept(const OracleCase& c) {
    const auto a = run_one(ours_, c, best_.guarded);
    if (!a || a->signal == kEndless) return false;
    const OracleResult mine = *a;
    const auto b = run_one(theirs_, c, best_.guarded);
    if (!b || agree(c, mine, *b)) return false;
    best_.c = c;
    best_.ours = mine;
    best_.theirs = *b;
    return true;
  }

  /// Cuts instructions from the back, and makes those in front NOP, for branches keep their place.
  bool remove_instructions() {
    bool changed = false;
    for (unsigned n = code_size(best_.c); n-- > 1;) {
      std::vector<u32> words(best_.c.insn, best_.c.insn + n);
      OracleCase c = best_.c;
      best_.guarded ? set_code(c, words) : set_code_and_end(c, words);
      if (!accept(c)) break;
      changed = true;
    }
    for (unsigned n = code_size(best_.c); n-- > 0;) {
      if (best_.c.insn[n] == kNop) continue;
      OracleCase c = best_.c;
      c.insn[n] = kNop;
      changed |= accept(c);
    }
    // A NOP in front is no place that a branch needs unless it goes there.
    while (code_size(best_.c) > 1 && best_.c.insn[0] == kNop) {
      std::vector<u32> words(best_.c.insn + 1, best_.c.insn + code_size(best_.c));
      OracleCase c = best_.c;
      best_.guarded ? set_code(c, words) : set_code_and_end(c, words);
      if (!accept(c)) break;
      changed = true;
    }
    return changed;
  }

  /// Makes everything zero, or a half of it, and then one by one.
  bool clear_values() {
    bool changed = false;
    const auto items = state_items(best_.c.in, (best_.c.flags & ORACLE_MEMORY) != 0);
    for (const std::size_t size : {items.size(), std::size_t{32}, std::size_t{1}}) {
      for (std::size_t from = 0; from < items.size(); from += size) {
        OracleCase c = best_.c;
        bool something = false;
        const auto now = state_items(c.in, (c.flags & ORACLE_MEMORY) != 0);
        for (std::size_t i = from; i < std::min(from + size, items.size()); ++i) {
          if (now[i].value == 0) continue;
          something = true;
          set_state_item(c.in, items[i].name, 0);
        }
        if (something) changed |= accept(c);
      }
    }
    return changed;
  }

  Finding best_;
  Engine& ours_;
  Engine& theirs_;
};

}  // namespace

Finding shrink(const Finding& f, Engine& ours, Engine& theirs) {
  return Shrinker(f, ours, theirs).run();
}

}  // namespace quince::test

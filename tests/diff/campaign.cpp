#include "tests/diff/campaign.h"

#include "tests/diff/blocks.h"
#include "tests/diff/comparison.h"
#include "tests/diff/exceptions.h"
#include "tests/diff/sequences.h"
#include "tests/diff/shrinker.h"

namespace quince::test {

namespace {

/// Depends on the name only, so that a new row changes no other row's cases.
u64 hash(std::string_view s) {
  u64 h = 0xcbf2'9ce4'8422'2325;
  for (const char c : s) h = (h ^ static_cast<u8>(c)) * 0x100'0000'01b3;
  return h;
}

const a64::RowInfo& info(int row) { return a64::rows()[static_cast<std::size_t>(row)]; }

}  // namespace

Campaign::Campaign(QuinceEngine& probe, Engine& ours, Engine& theirs, Scope scope,
                   CampaignOptions options)
    : probe_(probe), ours_(ours), theirs_(theirs), generator_(scope), options_(options) {}

Result<void> Campaign::reserve(unsigned cases) {
  if (next_.plan.size() + cases > ORACLE_BATCH) TRY_VOID(submit());
  return {};
}

Result<void> Campaign::run_row(int row, u64 cases) {
  Operands random((options_.seed * 0x9e37'79b9'7f4a'7c15 ^ hash(info(row).id)) +
                  generator_.fpcr_seed());
  for (u64 n = 0; n < cases; n += options_.sets) {
    u32 insn = 0;
    if (!generator_.word(row, random, insn)) break;
    TRY_VOID(run_word(row, insn, {}, 1, random));
  }
  for (u64 n = 0; n < cases; n += 16ull * options_.sets)
    for (const u32 word : Generator::directed_words(row, random, generator_.scope()))
      TRY_VOID(run_word(row, word, {}, 1, random));
  return {};
}

Result<void> Campaign::run_word(int row, u32 insn, std::span<const u32> then, u64 cases,
                                Operands& random) {
  for (u64 n = 0; n < cases; n += options_.sets) {
    TRY_VOID(reserve(options_.sets));
    generator_.add_word(row, insn, then, slots_++, options_.sets, random, next_.plan);
  }
  return {};
}

Result<void> Campaign::run_states(int row, u32 insn, std::span<const OracleState> states) {
  OracleCase c{};
  for (const OracleState& s : states) {
    if (next_.plan.size() == ORACLE_BATCH) TRY_VOID(submit());
    if (&s == states.data() || next_.plan.empty()) {
      c.slot = slots_++;
      set_code_and_end(c, std::span(&insn, 1));
    }
    c.in = s;
    next_.plan.push_back({c, row});
  }
  return {};
}

Result<void> Campaign::run_sequences(int row, u64 cases) {
  Operands random(options_.seed * 0x9e37'79b9'7f4a'7c15 ^ hash(info(row).id));
  for (u64 n = 0; n < cases; ++n) {
    TRY_VOID(reserve(1));
    const u32 slot = slots_++;
    next_.plan.push_back(
        {make_sequence(row, slot, generator_.state(slot, random), random), kSequence});
  }
  return {};
}

Result<void> Campaign::run_blocks(u64 count) {
  Operands random(options_.seed * 0x9e37'79b9'7f4a'7c15 ^ hash("blocks"));
  Blocks blocks(generator_);
  for (u64 n = 0; n < count; n += options_.sets) {
    TRY_VOID(reserve(options_.sets));
    blocks.add(slots_++, options_.sets, random, next_.plan);
  }
  return {};
}

Result<u64> Campaign::run_exception(const Exception& e, u64 cases) {
  Operands random(options_.seed);
  const bool lse2 = generator_.scope().lse2;
  const u64 before = differences_;
  only_ = &e;
  // One difference is enough to show that it is needed.
  for (std::size_t r = 0; r < a64::rows().size() && differences_ == before; ++r) {
    const int row = static_cast<int>(r);
    if (!matches(e, info(row))) continue;
    for (u64 n = 0; n < cases; n += options_.sets) {
      u32 insn = 0;
      if (!random.word_of(row, e.mask, e.value, insn)) break;
      if (!e.by_operands && exception_of_word(info(row), insn, lse2) != &e) continue;
      TRY_VOID(run_word(row, insn, {}, 1, random));
    }
    TRY_VOID(flush());
  }
  only_ = nullptr;
  return differences_ - before;
}

Result<void> Campaign::flush() {
  TRY_VOID(submit());
  TRY_VOID(collect());
  if (shrunk_ == findings_.size()) return {};
  TRY_VOID(clear_slots());
  // A part of a sequence depends on the keys.
  for (; shrunk_ < findings_.size(); ++shrunk_)
    if (findings_[shrunk_].row != kSequence)
      findings_[shrunk_] = shrink(findings_[shrunk_], ours_, theirs_);
  return {};
}

/// Runs the next batch on our engine while the oracle is still busy with the one before it.
Result<void> Campaign::submit() {
  if (next_.plan.empty()) return {};
  Batch& b = next_;
  b.cases.clear();
  for (const Planned& p : b.plan) b.cases.push_back(p.c);
  probe_.set_guarded(generator_.scope().guarded);
  probe_.place(b.cases);
  Operands random(b.plan.size() ^ b.cases[0].insn[0] ^ options_.seed << 32);
  for (std::size_t i = 0; i < b.plan.size(); ++i) {
    generator_.aim(b.plan[i], probe_, random);
    b.cases[i] = b.plan[i].c;
  }
  probe_.clean_data();
  TRY_VOID(ours_.start(b.cases, generator_.scope().guarded));
  const auto results = TRY(ours_.finish());
  b.stray = ours_.stray();
  b.ours.assign(results.begin(), results.end());
  // What does not come to an end here would not in the oracle.
  for (std::size_t i = 0; i < b.plan.size(); ++i)
    if (results[i].signal == kEndless) {
      ++endless_;
      b.cases[i].flags |= ORACLE_SKIP;
    }
  TRY_VOID(collect());
  std::swap(next_, flying_);
  next_.plan.clear();
  slots_ = 0;
  TRY_VOID(theirs_.start(flying_.cases, generator_.scope().guarded));
  in_flight_ = true;
  return {};
}

Result<void> Campaign::collect() {
  if (!in_flight_) return {};
  in_flight_ = false;
  const auto results = TRY(theirs_.finish());
  for (std::size_t i = 0; i < results.size(); ++i)
    if ((flying_.cases[i].flags & ORACLE_SKIP) == 0)
      compare(flying_.plan[i], flying_.ours[i], results[i]);
  if (theirs_.stray() != flying_.stray)
    return fail("one engine stored outside of what is compared, in a batch that starts with {}",
                disassembly(flying_.cases[0]));
  return {};
}

/// Empties every slot of both engines, so that a branch into another slot means the same for both.
Result<void> Campaign::clear_slots() {
  std::vector<OracleCase> cases(ORACLE_BATCH);
  for (u32 i = 0; i < ORACLE_BATCH; ++i) {
    cases[i].slot = i;
    set_code(cases[i], {});
  }
  TRY_VOID(ours_.start(cases, false));
  TRY_VOID(ours_.finish());
  TRY_VOID(theirs_.start(cases, false));
  TRY_VOID(theirs_.finish());
  return {};
}

void Campaign::compare(const Planned& p, const OracleResult& ours, const OracleResult& theirs) {
  const Exception* e =
      p.row < 0 ? nullptr : exception_of_case(info(p.row), p.c, generator_.scope().lse2);
  if (only_ == nullptr ? e != nullptr : only_->by_operands && e != only_) return;
  ++compared_[p.row];
  ++total_;
  if (ours.signal == kSigsegv || ours.signal == kSigbus) ++faults_;
  if (agree(p.c, ours, theirs)) return;
  ++differences_;
  if (kept_[p.row]++ >= options_.findings_for_row) return;
  findings_.push_back({p.c, ours, theirs, p.row, options_.seed, generator_.scope().guarded});
}

}  // namespace quince::test

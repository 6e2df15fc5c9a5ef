// Values: trees of operations, and the registers that they end up in.
#include "base/assert.h"
#include "cpu/jit/x64/emitter.h"

namespace quince::cpu::jit {

using namespace Xbyak::util;

namespace {

constexpr int kTemporaries[] = {0, 2, 1};  // rax, rdx, rcx

}  // namespace

// ---- Nodes -------------------------------------------------------------------------------------

Emitter::Val Emitter::node(Op op, bool sf, Val a, Val b, u64 n) {
  if (used_ == nodes_.size()) {
    give_up();
    used_ = 0;
  }
  Node& x = *new (&nodes_[used_]) Node;
  x.op = op;
  x.sf = sf;
  x.a = a;
  x.b = b;
  x.n = n;
  return {used_++};
}

Emitter::Val Emitter::imm(u64 v) { return node(Op::Imm, true, {}, {}, v); }

Emitter::Val Emitter::get(u32 r, bool sf) {
  return r == 31 ? imm(0) : node(Op::Reg, sf, {}, {}, r);
}

Emitter::Val Emitter::get_sp(u32 r, bool sf) { return node(Op::Reg, sf, {}, {}, r); }

Emitter::Val Emitter::add(bool sf, Val a, Val b) {
  if (at(a).op == Op::Imm && at(b).op == Op::Imm) {
    const u64 sum = at(a).n + at(b).n;
    return imm(sf ? sum : static_cast<u32>(sum));
  }
  if (at(a).op == Op::Imm) std::swap(a, b);
  if (is_imm(b, 0) && (sf || zero_extended(a))) return a;  // MUL is MADD with XZR
  if (at(a).op == Op::Pc && at(b).op == Op::Imm)
    return node(Op::Pc, true, {}, {}, at(a).n + at(b).n);
  return node(Op::Add, sf, a, b);
}

Emitter::Val Emitter::and_(Val a, Val b) {
  // The page, for ADRP: what the offset is from is aligned itself.
  constexpr u64 kPageOf = ~u64{0xfff};
  if (at(a).op == Op::Pc && is_imm(b, kPageOf))
    return node(Op::Pc, true, {}, {}, at(a).n & kPageOf);
  return node(Op::And, true, a, b);
}

Emitter::Val Emitter::sub(bool sf, Val a, Val b) {
  if (at(b).op == Op::Imm) return add(sf, a, imm(u64{0} - at(b).n));
  return node(Op::Sub, sf, a, b);
}

Emitter::Val Emitter::shift(bool sf, Val a, a64::ShiftType t, Val amount) {
  if (at(amount).op == Op::Imm) {
    const u64 by = at(amount).n & (sf ? 63 : 31), width = sf ? 64 : 32;
    if (by == 0 && (sf || zero_extended(a))) return a;
    // The bits that a ZeroExtend clears are shifted out.
    if (t == a64::ShiftType::Lsl && at(a).op == Op::Zext && at(a).n + by >= width) a = at(a).a;
  }
  return node(Op::Shift, sf, a, amount, static_cast<u64>(t));
}

/// A logical shift right by a constant, or 0.
u64 Emitter::shifted_right(Val v) {
  const Node& n = at(v);
  if (n.op != Op::Shift || n.n != static_cast<u64>(a64::ShiftType::Lsr)) return 0;
  return at(n.b).op == Op::Imm ? at(n.b).n : 0;
}

Emitter::Val Emitter::sext(Val a, unsigned n) {
  if (n >= 64) return a;
  // What is left of an arithmetic shift right.
  const u64 by = shifted_right(a);
  if (by != 0 && at(a).sf && n == 64 - by) {
    const Node x = at(a);
    return node(Op::Shift, true, x.a, x.b, static_cast<u64>(a64::ShiftType::Asr));
  }
  return node(Op::Sext, true, a, {}, n);
}

Emitter::Val Emitter::zext(Val a, unsigned n) {
  if (n >= 64) return a;
  const u64 by = shifted_right(a);
  if (by != 0 && n >= (at(a).sf ? 64 : 32) - by) return a;
  return node(Op::Zext, true, a, {}, n);
}

Emitter::Val Emitter::crc32(bool castagnoli, Val acc, Val v, unsigned bytes) {
  return node(Op::Crc32c, false, acc, v, bytes | (castagnoli ? 0 : Node::kCrc32Ieee));
}

Emitter::Val Emitter::select(Bool b, Val yes, Val no) {
  const Val v = node(Op::Select, true, yes, no);
  at(v).choice = b;
  return v;
}

bool Emitter::in_tree(Val root, u8 n) {
  if (root.node == n) return true;
  const Node& r = at(root);
  switch (r.op) {
    case Op::Imm:
    case Op::Reg:
    case Op::Host:
    case Op::Fp:
    case Op::State:
    case Op::Lane:
    case Op::Pc:
    case Op::Loaded:
    case Op::Carry:
    case Op::Nzcv:
      return false;
    case Op::Not:
    case Op::Sext:
    case Op::Zext:
    case Op::Trunc:
    case Op::Clz:
    case Op::Ctz:
    case Op::Bswap:
    case Op::Rbit:
      return in_tree(r.a, n);
    default:
      return in_tree(r.a, n) || in_tree(r.b, n);
  }
}

/// Whether computing a value reads a host register.
bool Emitter::uses_host(Val v, int h) {
  for (u8 n = 0; n < used_; ++n) {
    const Node& x = nodes_[n];
    const bool reads = (x.op == Op::Reg && hosts_[x.n] == h) ||
                       (x.op == Op::Host && static_cast<int>(x.n) == h) ||
                       (x.op == Op::Loaded && (x.address == h || h == 1));
    if (reads && in_tree(v, n)) return true;
  }
  return false;
}

/// The value has no bits above bit 31.
bool Emitter::zero_extended(Val v) {
  const Node& n = at(v);
  switch (n.op) {
    case Op::Imm:
      return n.n <= 0xffff'ffff;
    case Op::And:
      return zero_extended(n.a) || zero_extended(n.b);
    case Op::Or:
    case Op::Xor:
    case Op::Select:
      return zero_extended(n.a) && zero_extended(n.b);
    case Op::Zext:
      return n.n <= 32;
    case Op::Loaded:
      return n.n <= 2;
    case Op::Carry:
    case Op::Nzcv:
    case Op::Crc32c:
      return true;
    case Op::Sext:
    case Op::Host:
    case Op::State:
    case Op::Lane:
    case Op::Fp:
      return false;
    default:
      return !n.sf;
  }
}

/// 32-bit instructions do for the node.
bool Emitter::narrow(const Node& n) {
  switch (n.op) {
    case Op::And:
    case Op::Or:
    case Op::Xor:
      return zero_extended(n.a) && zero_extended(n.b);
    default:
      return !n.sf;
  }
}

// ---- Registers ---------------------------------------------------------------------------------

Emitter::Reg64 Emitter::temporary() {
  for (const int r : kTemporaries)
    if ((taken_ & (1u << r)) == 0) {
      taken_ |= 1u << r;
      return Reg64(r);
    }
  give_up();
  return rax;
}

void Emitter::release(const Reg64& r) {
  if (r.getIdx() < 3) taken_ &= ~(1u << r.getIdx());
}

/// EFLAGS stay as they are.
void Emitter::mov_imm(const Reg64& to, u64 v) {
  if (v <= 0xffff'ffff)
    x_.mov(to.cvt32(), static_cast<u32>(v));
  else
    x_.mov(to, v);
}

Emitter::Reg64 Emitter::in_register(Val v) {
  const Node& n = at(v);
  if (n.op == Op::Reg && n.sf && hosts_[n.n] >= 0) return host(static_cast<unsigned>(n.n));
  if (n.op == Op::Host) return Reg64(static_cast<int>(n.n));
  const Reg64 t = temporary();
  eval(v, t);
  return t;
}

/// The old value of a guest register is still wanted by what is not part of `tree`.
void Emitter::keep_old(unsigned guest, Val tree) {
  if (insn_->facts.puts <= 1 && insn_->facts.flow == Flow::Next) return;
  std::optional<Reg64> copy;
  for (u8 n = dead_; n < used_; ++n) {
    Node& x = nodes_[n];
    if (x.op != Op::Reg || x.n != guest || in_tree(tree, n)) continue;
    if (!copy) {
      copy = temporary();
      if (hosts_[guest] >= 0)
        x_.mov(*copy, host(guest));
      else
        x_.mov(*copy, guest_memory(guest));
    }
    if (!x.sf) {
      // A narrow look at it: its users take 32 bits of what they get.
      const Val whole = node(Op::Host, true, {}, {}, static_cast<u64>(copy->getIdx()));
      nodes_[n] = {.op = Op::Trunc, .sf = false, .a = whole, .b = {}, .choice = {}};
    } else {
      nodes_[n] = host_node(copy->getIdx());
    }
  }
}

void Emitter::write_reg(unsigned guest, bool sf, Val v) {
  const Op op = at(v).op;
  const bool flags = op >= Op::AddS && op <= Op::LogicS;
  keep_old(guest, v);
  // The register may be what the flags would be got back from.
  if (insn_->facts.reads_flags && !only_in_memory()) flags_to_eflags();
  if (!flags) forget_operand(RegSet{1} << guest, true);
  const bool mapped = hosts_[guest] >= 0;
  const Reg64 to = mapped ? host(guest) : temporary();
  if (flags)
    eval_flags(v, &to);
  else
    eval(v, to);
  if (!sf && !zero_extended(v)) x_.mov(to.cvt32(), to.cvt32());
  if (mapped) {
    dirty_ |= RegSet{1} << guest;
  } else {
    x_.mov(guest_memory(guest), to);
    release(to);
  }
}

void Emitter::put(u32 r, bool sf, Val v) {
  const Op op = at(v).op;
  if (r != 31) return write_reg(r, sf, v);
  if (op >= Op::AddS && op <= Op::LogicS) eval_flags(v, nullptr);
}

void Emitter::put_sp(u32 r, bool sf, Val v) {
  if (r == kSp) {
    const Node& n = at(v);
    const bool moved = n.op == Op::Add && at(n.a).op == Op::Reg && at(n.a).n == kSp &&
                       at(n.b).op == Op::Imm && (at(n.b).n & 15) == 0;
    sp_aligned_ = sp_aligned_ && moved;
  }
  write_reg(r, sf, v);
}

}  // namespace quince::cpu::jit

// From a region to x86-64 code.  It is an engine of the instructions' meanings (cpu/interp/interp.h):
// a value is a small tree, which becomes code when it is put into a register, so that the code can be
// made for its destination.
//
// Registers of the host in translated code:
//   r15        the CpuState (Vcpu::s); what else of the Vcpu is used is at a distance from it
//   r14        the first-level TLB of the current regime (Vcpu::l1_base_)
//   r13        instructions left of the budget, those of the running block taken off already
//   rax, rcx, rdx  temporary
//   xmm0-xmm3  temporary; xmm16-xmm31 (AVX-512) only hold vectors, which are copied to be worked with
//   the others the guest's registers that the region uses most, the same from its begin to its end
// NZCV is in one of three forms (flag_state.h): in memory, in EFLAGS, or as a comparison that can be done
// again because its operands are still there.  Behind FCMP, EFLAGS are as COMISD leaves them (fp_flags.cpp).
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "cpu/jit/native.h"
#include "cpu/jit/observer.h"
#include "cpu/jit/region.h"
#include "cpu/jit/state_key.h"
#include "cpu/jit/x64/assembler.h"
#include "cpu/jit/x64/flag_state.h"
#include "cpu/jit/x64/node.h"
#include "cpu/jit/x64/shared.h"
#include "cpu/jit/x64/stub.h"

namespace quince::cpu::jit {

struct Translated {
  const u8* code = nullptr;
  std::size_t bytes = 0;
};

/// What an observer is told of a region's code.
struct Notes {
  std::vector<CodePart> parts;
  std::vector<CodePointer> pointers;
};

class Emitter {
 public:
  using Val = jit::Val;
  using Bool = jit::Bool;
  friend class AtomicCode;
  friend class PauthCode;
  friend class SystemCode;
  friend class VectorCode;
  struct Vec {
    s8 xmm = -1;  ///< loaded
    u8 r = 0;     ///< else a guest's register
  };

  explicit Emitter(const Shared& shared);
  /// Translates into `room` bytes at `at`, and adds to `records`; nothing when the bytes are too few.
  std::optional<Translated> translate(const Region& region, const StateKey& key, u8* at,
                                      std::size_t room, Records& records);
  /// Has translate() take notes, unless it is null.
  void take_notes(Notes* notes) { notes_ = notes; }
  /// After that failed: the number of the instruction that must be a call, or -1.
  int failed() const { return failed_; }

  // ---- The engine --------------------------------------------------------------------------------

  Val imm(u64 v);
  Val get(u32 r, bool sf);
  void put(u32 r, bool sf, Val v);
  Val get_sp(u32 r, bool sf);
  void put_sp(u32 r, bool sf, Val v);
  Val pc() { return node(Op::Pc, true, {}, {}, pc_); }

  Val add(bool sf, Val a, Val b);
  Val sub(bool sf, Val a, Val b);
  Val mul(bool sf, Val a, Val b) { return node(Op::Mul, sf, a, b); }
  Val and_(Val a, Val b);
  Val orr(Val a, Val b) { return unless_zero(Op::Or, a, b); }
  Val eor(Val a, Val b) { return unless_zero(Op::Xor, a, b); }
  Val not_(bool sf, Val a) { return node(Op::Not, sf, a); }
  Val umulh(Val a, Val b) { return node(Op::Umulh, true, a, b); }
  Val smulh(Val a, Val b) { return node(Op::Smulh, true, a, b); }
  Val udiv(bool sf, Val a, Val b) { return node(Op::Udiv, sf, a, b); }
  Val sdiv(bool sf, Val a, Val b) { return node(Op::Sdiv, sf, a, b); }
  Val shift(bool sf, Val a, a64::ShiftType t, Val amount);
  Val lsl(bool sf, Val a, unsigned n) { return shift(sf, a, a64::ShiftType::Lsl, imm(n)); }
  Val lsr(bool sf, Val a, unsigned n) { return shift(sf, a, a64::ShiftType::Lsr, imm(n)); }
  Val asr(bool sf, Val a, unsigned n) { return shift(sf, a, a64::ShiftType::Asr, imm(n)); }
  Val ror(bool sf, Val a, unsigned n) { return shift(sf, a, a64::ShiftType::Ror, imm(n)); }
  Val sext(Val a, unsigned n);
  Val zext(Val a, unsigned n);
  Val clz(bool sf, Val a) { return node(Op::Clz, sf, a); }
  Val bswap64(Val a) { return node(Op::Bswap, true, a); }
  Val bswap32(Val a) { return node(Op::Bswap, false, a); }
  Val rbit(bool sf, Val a) { return node(absorb_clz() ? Op::Ctz : Op::Rbit, sf, a); }
  Val crc32(bool castagnoli, Val acc, Val v, unsigned bytes);

  Val nzcv() { return node(Op::Nzcv, false); }
  void set_nzcv(Val v);
  Val add_with_carry(bool sf, Val a, Val b, Val carry);
  Val adds(bool sf, Val a, Val b) { return flags_node(Op::AddS, sf, a, b); }
  Val subs(bool sf, Val a, Val b) { return flags_node(Op::SubS, sf, a, b); }
  Val carry() { return node(Op::Carry, false); }
  Val logic_flags(bool sf, Val v) { return flags_node(Op::LogicS, sf, v, v); }

  Bool cond(u32 cc) { return {.kind = Bool::Kind::Cond, .n = static_cast<u8>(cc), .value = {}}; }
  Bool is_zero(bool sf, Val v) { return {.kind = Bool::Kind::Zero, .sf = sf, .value = v}; }
  Bool bit_set(Val v, unsigned n) {
    return {.kind = Bool::Kind::Bit, .n = static_cast<u8>(n), .value = v};
  }
  Bool not_(Bool b) {
    b.invert = !b.invert;
    return b;
  }
  Val select(Bool b, Val yes, Val no);

  void branch(s64 distance);
  void branch_if(Bool b, s64 distance);
  bool in_guarded_page() const { return key_.guarded; }
  void branch_reg(Val target, unsigned btype);
  void link() { put(30, true, node(Op::Pc, true, {}, {}, pc_ + 4)); }

  bool base(u32 rn, Val& out);
  bool load(Val va, unsigned log2, Val& out, MemOp m = {});
  bool store(Val va, unsigned log2, Val v, MemOp m = {});
  bool load_pair(Val va, unsigned log2, Val& a, Val& b);
  bool store_pair(Val va, unsigned log2, Val a, Val b);
  bool load_v(Val va, Vec& out, MemOp m = {});
  bool store_v(Val va, Vec v, MemOp m = {});
  void fence();

  Vec v(u32 r) { return {.xmm = -1, .r = static_cast<u8>(r)}; }
  void put_v(u32 r, Vec v);
  Val get_fp(u32 r) { return node(Op::Fp, true, {}, {}, r); }
  void put_fp(u32 r, Val v);

  void undefined();
  bool has(Feature) const { return true; }

 private:
  using Op = Node::Op;
  /// Condition numbers of x86 (Intel SDM, volume 2, appendix B.1.4).
  enum : unsigned { kO = 0, kNo, kB, kAe, kE, kNe, kBe, kA, kS, kNs, kP, kNp, kL, kGe, kLe, kG };
  static constexpr int kFarVectorHost = 16;
  using Reg64 = Xbyak::Reg64;
  using Reg32 = Xbyak::Reg32;

  // emitter.cpp: regions, blocks
  void begin(const Region& region, const StateKey& key, u8* at, std::size_t room);
  void choose_registers(const Region& r);
  void enter();
  void emit_block(const Block& b, std::size_t number);
  void emit_insn(const Insn& i);
  void emit_call(const Insn& i);
  void emit_end(const Block& b, std::size_t number);
  void leave_for(const Successor& s, u64 target, std::size_t from);
  bool follows_alone(const Successor& s, std::size_t from) const;
  void emit_later();
  void emit_stubs();
  void restore_btype();
  void leave_at(u64 target, u32 undone);
  static Mem btype_state();
  void emit_missed(Stub& s);
  void spill_sp(const Stub& s);
  void values_to_bounce(const Stub& s);
  void leave_for_exception(const Stub& s, RegSet there = 0);
  bool look_again(Stub& s, bool and_load);
  void look_for_next_page(Stub& s, Label& found);
  void go_back(Stub& s, Label& to);
  void address_to_rdx(const Stub& s);
  void restore_rdx(const Stub& s);
  void branch_end(const Block& b, std::size_t number, u64 taken, u64 next);
  void check_loop(u64 target, Label& top, bool turns = false);
  void jump_by_cache(unsigned btype);
  void synchronise();
  void barrier();
  void write_state(const Insn& i);
  void bail();
  /// This instruction is too much for the emitter: what comes out is not to be used.
  void give_up() {
    failed_ =
        failed_ < 0 && insn_ != nullptr ? static_cast<int>(insn_ - region_->insns.data()) : failed_;
  }

  // values.cpp
  void write_reg(unsigned guest, bool sf, Val v);
  bool in_tree(Val root, u8 node);
  bool zero_extended(Val v);
  u64 shifted_right(Val v);
  bool narrow(const Node& n);
  Val node(Op op, bool sf, Val a = {}, Val b = {}, u64 n = 0);
  /// An operation of which XZR is the neutral element: MOV is an ORR.
  Val unless_zero(Op op, Val a, Val b) {
    return is_imm(a, 0) ? b : is_imm(b, 0) ? a : node(op, true, a, b);
  }
  static Node host_node(int r) {
    return {.op = Op::Host, .sf = true, .a = {}, .b = {}, .n = static_cast<u64>(r), .choice = {}};
  }
  Val flags_node(Op op, bool sf, Val a, Val b);
  Node& at(Val v) { return nodes_[v.node]; }
  bool is_imm(Val v, u64 n) { return at(v).op == Op::Imm && at(v).n == n; }
  void eval(Val v, const Reg64& to);
  void eval_tree(Val v, const Reg64& to);
  unsigned extends(const Node& n);
  void eval_binary(const Node& n, const Reg64& to);
  void eval_add(const Node& n, const Reg64& to);
  void eval_sub(const Node& n, const Reg64& to);
  bool absorb_clz();
  void count_zeros(bool sf, bool from_the_top, const Reg64& to);
  void reverse_bits(bool sf, const Reg64& to);
  void eval_shift(const Node& n, const Reg64& to);
  void eval_sext(const Node& n, const Reg64& to);
  void eval_zext(const Node& n, const Reg64& to);
  void eval_multiply_high(const Node& n, const Reg64& to);
  bool eval_mulx(const Node& n, const Reg64& to, bool high);
  void carry_to(const Reg64& to);
  void carry_to_cf(bool borrow);
  // beside_flags.cpp: without EFLAGS, or false
  bool eval_beside_flags(const Node& n, const Reg64& to);
  bool extract(const Node& n, const Reg64& to);
  bool low_bits(const Node& n, const Reg64& to);
  bool difference(const Node& n, const Reg64& to);
  void eval_divide(const Node& n, const Reg64& to);
  void eval_crc32(const Node& n, const Reg64& to);
  void eval_select(const Node& n, const Reg64& to);
  void eval_loaded(const Node& n, const Reg64& to, bool sign);
  static Mem loaded_from(const Node& n, unsigned bytes);
  /// The register that has a value: its own, or a temporary that is `taken` from here on.
  Reg64 in_register(Val v);
  Reg64 temporary();
  bool has_temporary() const { return (taken_ & 7) != 7; }
  void shift_by(a64::ShiftType type, bool sf, const Reg64& to, const Reg64& from,
                const Reg64& count);
  void release(const Reg64& r);
  bool uses_host(Val v, int host);
  void keep_old(unsigned guest, Val tree);
  void mov_imm(const Reg64& to, u64 v);
  /// `to` = the address at an offset from the page's; EFLAGS stay.
  void mov_pc(const Reg64& to, u64 offset);
  static bool fits(u64 v) { return static_cast<s64>(v) == static_cast<s32>(v); }

  // flags.cpp
  void eval_flags(Val v, const Reg64* to);
  void clobber_flags();  ///< EFLAGS are about to change
  /// That would put them into memory: they are nowhere else, and somebody looks at them.
  bool flags_would_be_saved() const;
  /// They would be, and a look at a page need not change them.
  bool can_keep_flags() const {
    return shared_.host.fast_pext && !in_fp_form() && flags_would_be_saved();
  }
  void save_flags();       ///< NZCV is in memory from here on
  void compare_again();    ///< into EFLAGS
  void flags_to_eflags();  ///< as Arm or Borrow, whatever they are in now
  void forget_operand(RegSet written, bool keeps_flags = false);
  void forget_vector_operand();  ///< the same for vectors that this instruction writes
  // loop_flags.cpp
  bool foresee_comparison(const Insn& i, FlagState& f) const;
  bool foresee_turn(const Block& b, std::size_t number);
  void begin_turn(const Block& b, std::size_t number);
  bool turns_as_foreseen(std::size_t to, std::size_t from) const;
  void save_flags_of_last_turn();
  // fp_flags.cpp
  bool in_fp_form() const {
    return flags_.eflags == FlagState::Eflags::Fp || flags_.eflags == FlagState::Eflags::FpSwapped;
  }
  void fp_flags_to_nzcv(bool image);
  void compare_fp_again();
  bool jump_if_fp_flags(unsigned cc, Label& label);
  bool fp_condition(unsigned cc, unsigned& x86) const;
  bool wants_swapped_fp() const;
  void flags_to_any_eflags();  ///< in the form that costs least
  void remember(const Node& n, int rd);
  void jump_if(Bool b, Label& label);
  void jump_if_flags(unsigned cc, Label& label);
  void condition_of(unsigned cc, unsigned& x86);
  void flags_for(unsigned cc, unsigned& x86);
  void test_memory(unsigned cc, unsigned& x86);
  /// NZCV is where it cannot be tested but by looking there.
  bool only_in_memory() const {
    return flags_.in_memory && flags_.eflags == FlagState::Eflags::No && !flags_.again;
  }

  // memory.cpp
  struct Address {
    Reg64 reg;
    int distance;
  };
  Address address_of(Val va);
  void probe(const Reg64& reg, int low, int high, bool write, bool unprivileged);
  void probe_beside_flags(const Reg64& reg, int low, int high, bool write, bool unprivileged,
                          Label& missed);
  void unless_rcx_zero(Label& label);
  void if_rcx_zero(Label& label);
  void look_at_first_level(const Reg64& reg, int low, int high, bool write, bool unprivileged,
                           Stub& s);
  Mem tlb_entry(int column, bool unprivileged) const;
  void index_first_level(const Reg64& reg, int low);
  Mem page_pointer(int slot, int member);
  void use_page_pointer(const Address& address, bool write, unsigned bytes, Stub& s);
  Stub& look_up(const Address& address, unsigned log2, unsigned elements, bool write, MemOp m,
                bool keeps_flags = false);
  void store_value(Val v, unsigned log2, const Address& address, unsigned offset, Stub& s,
                   unsigned element);
  /// Where a pair waits that came in one access. XMM2 moves vectors meanwhile.
  static Xbyak::Xmm lanes() { return Xbyak::Xmm(3); }
  static Mem at_host(const Address& a, unsigned offset, unsigned bytes);

  static Mem state(std::size_t offset, unsigned bytes = 8) {
    return {.bits = static_cast<u16>(8 * bytes), .base = 15, .distance = static_cast<s32>(offset)};
  }
  int host_of(unsigned guest) const { return hosts_[guest]; }
  Reg64 host(unsigned guest) const { return Reg64(hosts_[guest]); }
  static Mem guest_memory(unsigned guest) {
    return state(guest == kSp ? offsetof(CpuState, sp) : offsetof(CpuState, x) + 8 * guest);
  }
  void spill(RegSet dirty, bool with_sp);
  void reload(RegSet live);
  // Vector registers.  C++ code keeps none of the host's: they are in memory during a call.
  bool has_vectors() const { return v_mapped_ != 0; }
  static Mem v_memory(unsigned r) { return state(offsetof(CpuState, v) + 16 * r, 16); }
  Xbyak::Xmm v_host(unsigned r) const { return Xbyak::Xmm(v_hosts_[r]); }
  /// In a register that every instruction can name: xmm16 to xmm31 want AVX-512's encodings, which many have not.
  bool v_near(unsigned r) const { return v_hosts_[r] >= 0 && v_hosts_[r] < kFarVectorHost; }
  bool v_far(unsigned r) const { return v_hosts_[r] >= kFarVectorHost; }
  void move_in(unsigned r);   ///< from CpuState
  void move_out(unsigned r);  ///< to CpuState
  void spill_vectors(RegSet dirty);
  void call_spill_vectors();  ///< all that the region writes
  void call_reload_vectors();
  void emit_vector_routines();
  void emit_slow(Stub& s);
  void arm_fp();
  void emit_faulting_call(Stub& s);
  void emit_literals();
  Site& site();
  void load_constant(const Reg64& to, const Site* p) { load_pointer(to, p, "site"); }
  void load_constant(const Reg64& to, const ExitRecord* p) { load_pointer(to, p, "exit"); }
  void load_pointer(const Reg64& to, const void* p, const char* what) {
    x_.mov(to, reinterpret_cast<u64>(p));
    if (notes_ != nullptr) notes_->pointers.push_back({offset(), what});
  }
  u32 offset() const { return static_cast<u32>(x_.getSize()); }
  /// What is emitted from here on.
  void begin_part(CodePart::Kind kind, const char* what, u64 pc) {
    if (notes_ != nullptr) [[unlikely]]
      note_part({offset(), kind, what, pc});
  }

  void note_part(const CodePart& part);

  Stub& stub(Stub::Kind kind);
  static const char* name_of(Stub::Kind kind);

  u8 nowhere_ = 0;
  Assembler x_;
  const Shared& shared_;
  StateKey key_;
  Notes* notes_ = nullptr;
  const Region* region_ = nullptr;
  Records* out_ = nullptr;
  std::array<s8, 33> hosts_{};  ///< of guest registers; -1: in memory
  std::array<Node, 64> nodes_{};
  u8 used_ = 0, dead_ = 0;  ///< nodes; nobody wants those below `dead_` any more
  u32 taken_ = 0;           ///< temporaries in use
  s8 pending_ = -1;         ///< a node that sets the flags and was not put anywhere yet
  s8 xmm_ = 0;              ///< the next one for what is loaded
  u8 accesses_ = 0;         ///< of this instruction so far
  struct VectorLoad {
    u32 begin = 0, end = 0;
    Mem place = {};
    int xmm = -1;
  };
  VectorLoad last_load_;  ///< of load_v()
  u64 pc_ = 0;            ///< in the page; code knows no address, for a page may be at several
  u32 left_ = 0;          ///< of the block, from this instruction on
  RegSet dirty_ = 0, v_dirty_ = 0;
  RegSet v_mapped_ = 0, v_written_ = 0;  ///< in registers of the host; and written in this region
  std::array<s8, 32> v_hosts_{};         ///< of guest vectors; -1: in memory
  Label spill_all_vectors_, reload_all_vectors_;
  bool spills_all_ = false, reloads_all_ = false;
  struct Literal {
    u64 low, high;
    Xbyak::Label label;
  };
  std::deque<Literal> literals_;  ///< constants behind the region's code
  /// Vectors known, in this block, to be zero above the low 8 and the low 4 bytes.
  RegSet v_double_ = 0, v_single_ = 0;
  void wrote_vector(unsigned r, unsigned log2 = 4) {
    const RegSet bit = RegSet{1} << r;
    v_dirty_ |= bit;
    v_double_ = log2 <= 3 ? v_double_ | bit : v_double_ & ~bit;
    v_single_ = log2 <= 2 ? v_single_ | bit : v_single_ & ~bit;
  }
  bool absorbed_ = false;  ///< the next instruction is part of the last one
  bool fp_armed_ = false;  ///< in this block: MXCSR is the guest's
  bool fp_dense_ = false;  ///< everywhere in this region, from its entry on
  int failed_ = -1;
  bool sp_aligned_ = false;  ///< known to be, in this block
  const Insn* insn_ = nullptr;
  FlagState flags_;
  std::vector<std::optional<FlagState>> flags_in_;
  /// This block leads back to itself, with the flags of `turn_` if all goes well.
  bool turns_ = false;
  FlagState turn_;
  Label turn_top_;             ///< where its next turn begins
  std::vector<Label> labels_;  ///< of blocks
  Pool<Stub> stubs_;
  struct Tail {
    RegSet dirty;
    Label label;
  };
  std::vector<Tail> tails_;  ///< ways out behind an exception, by what they put into memory
  /// Ways out of the region that the code before them does not fall into.
  struct Later {
    Label label;
    Successor to;
    u64 target = 0;
    RegSet dirty = 0, v_dirty = 0;
    FlagState flags;
  };
  Pool<Later> later_;
  // How the block ends.
  struct End {
    enum class Kind : u8 { None, Direct, Conditional, Indirect, Left } kind = Kind::None;
    Bool choice;
    u8 btype = 0;
  } end_;
};

}  // namespace quince::cpu::jit

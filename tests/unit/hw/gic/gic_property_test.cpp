// The GIC against the oracle: random operations, every observable compared after each.
#include <memory>
#include <random>

#include "tests/unit/hw/gic/gic_oracle.h"
#include "tests/unit/hw/gic/gic_rig.h"

namespace quince::hw::test {
namespace {

constexpr unsigned kCpus = 3, kSpis = 70;
// Few enough to meet often; both ends of a word, and the last one.
constexpr u32 kIntids[] = {0, 1, 15, 16, 27, 30, 31, 32, 33, 40, 63, 64, 65, 95, 96, 101};

struct Duel {
  explicit Duel(u32 seed, bool one_of_n)
      : rng(seed), any(one_of_n), rig(fresh()), oracle(kCpus, kSpis) {}

  std::unique_ptr<GicRig> fresh() const { return std::make_unique<GicRig>(kCpus, kSpis, any); }
  u32 below(u32 n) { return static_cast<u32>(rng() % n); }
  bool flip() { return below(2) != 0; }

  /// One random operation on both; returns its description.
  std::string step();
  std::string step_interrupt(unsigned op, unsigned c, u32 n);
  std::string step_interface(unsigned op, unsigned c);
  std::string step_take(unsigned op, unsigned c, u32 n);
  std::string tidy(unsigned c);
  void compare(const std::string& what);
  void compare_states();
  /// Goes on with a copy that was made by save and load.
  void migrate();

  std::mt19937 rng;
  bool any;
  std::unique_ptr<GicRig> rig;
  GicOracle oracle;
  std::array<std::vector<u64>, kCpus> taken;
  unsigned acknowledged = 0, preempted = 0;
};

std::string Duel::step_interrupt(unsigned op, unsigned c, u32 n) {
  GicOracle::Irq& i = oracle.irq(c, n);
  switch (op) {
    case 0:
      rig->put_bit(kIspendr, n, c);
      oracle.set_pending(c, n);
      return "ISPENDR";
    case 1:
      rig->put_bit(kIcpendr, n, c);
      oracle.clear_pending(c, n);
      return "ICPENDR";
    case 2:
      rig->put_bit(kIsactiver, n, c);
      GicOracle::add_active(i);
      return "ISACTIVER";
    case 3:
      rig->put_bit(kIcactiver, n, c);
      GicOracle::remove_active(i);
      return "ICACTIVER";
    case 4:
      i.enabled = below(4) != 0;
      rig->put_bit(i.enabled ? kIsenabler : kIcenabler, n, c);
      return "ISENABLER/ICENABLER";
    case 5:
      i.group = below(2);
      rig->set_group(n, i.group, c);
      return "IGROUPR";
    case 6: {
      const bool edge = flip();
      rig->set_edge(n, edge, c);
      oracle.set_trigger(c, n, edge);
      return "ICFGR";
    }
    case 7: {
      const u8 p = static_cast<u8>(rng());
      rig->set_priority(n, p, c);
      i.priority = p & 0xf8;
      return "IPRIORITYR";
    }
    default:
      break;
  }
  if (n < 32) return "nothing";
  const u32 to = below(kCpus + 2);  // one of them is nobody
  const bool irm = any && to == kCpus + 1;
  rig->set_route(n, irm ? kRouteIrm : to);
  i.affinity = irm ? GicOracle::kAnyone : to;
  return "IROUTER";
}

std::string Duel::step_interface(unsigned op, unsigned c) {
  GicOracle::Cpu& k = oracle.cpu[c];
  switch (op) {
    case 0: {
      const u8 v = below(3) != 0 ? u8{0xff} : static_cast<u8>(rng());
      rig->icc(c, kPmr, v);
      k.pmr = v & 0xf8;
      return "PMR";
    }
    case 1: {
      const unsigned v = below(8);
      rig->icc(c, kBpr0, v);
      k.bpr[0] = std::max(v, 2u);
      return "BPR0";
    }
    case 2: {
      const unsigned v = below(8);
      rig->icc(c, kBpr1, v);
      if (!k.cbpr) k.bpr[1] = std::max(v, 3u);
      return "BPR1";
    }
    case 3:
      k.cbpr = flip();
      k.eoi_mode = flip();
      rig->icc(c, kCtlr, (k.cbpr ? kIccCbpr : 0) | (k.eoi_mode ? kIccEoiMode : 0));
      return "CTLR";
    case 4:
    case 5: {
      const unsigned g = op - 4;
      k.group_on[g] = below(4) != 0;
      rig->icc(c, g == 0 ? kIgrpen0 : kIgrpen1, k.group_on[g] ? 1 : 0);
      return "IGRPEN";
    }
    case 6: {
      oracle.group_on[0] = below(8) != 0;
      oracle.group_on[1] = below(8) != 0;
      rig->wr(kGicdCtlr, (oracle.group_on[0] ? 1 : 0) | (oracle.group_on[1] ? 2 : 0));
      return "GICD_CTLR";
    }
    case 7:
      k.asleep = flip();
      rig->rwr(c, kWaker, k.asleep ? kWakerProcessorSleep : 0);
      return "WAKER";
    default:
      break;
  }
  const unsigned g = below(2);  // software forgets what was active, or something of it
  const u32 ap = below(2) != 0 ? 0 : 1u << below(32);
  rig->icc(c, g == 0 ? kAp0r0 : kAp1r0, ap);
  k.running[g].clear();
  for (unsigned b = 0; b < 32; ++b)
    if ((ap >> b & 1) != 0) k.running[g].insert(8 * b);
  return "APR";
}

std::string Duel::step_take(unsigned op, unsigned c, u32 n) {
  const unsigned g = below(2);
  if (op < 3) {  // acknowledge what is signalled, sometimes with the wrong register
    const unsigned group = rig->fiq[c].high ? 0 : rig->irq[c].high ? 1 : g;
    const unsigned use = below(8) != 0 ? group : 1 - group;
    const bool busy = oracle.running(c) != 0xff;
    const unsigned want = oracle.acknowledge(c, use);
    const u64 got = rig->icc(c, use == 0 ? kIar0 : kIar1);
    EXPECT_EQ(got, want);
    if (got != kSpurious) {
      taken[c].push_back(got);
      ++acknowledged;
      if (busy) ++preempted;
    }
    return "IAR";
  }
  u64 intid = n;
  unsigned group = g;
  if (!taken[c].empty() && below(8) != 0) {  // mostly as a handler would
    intid = taken[c].back();
    taken[c].pop_back();
    const auto& r = oracle.cpu[c].running;
    group = !r[0].empty() && *r[0].begin() == oracle.running(c) ? 0 : 1;
  }
  if (below(16) == 0) intid = 1000 + below(30);
  rig->icc(c, group == 0 ? kEoir0 : kEoir1, intid);
  oracle.end(c, group, static_cast<unsigned>(intid));
  if (below(4) == 0) return "EOIR alone";
  rig->icc(c, kDir, intid);
  oracle.dir(c, static_cast<unsigned>(intid));
  return "EOIR and DIR";
}

/// Software starts over: nothing active, nothing masked, fine priorities.
std::string Duel::tidy(unsigned c) {
  GicOracle::Cpu& k = oracle.cpu[c];
  for (const u32 n : kIntids) {
    rig->put_bit(kIcactiver, n, c);
    GicOracle::remove_active(oracle.irq(c, n));
  }
  for (const unsigned g : {0u, 1u}) {
    rig->icc(c, g == 0 ? kAp0r0 : kAp1r0, 0);
    rig->icc(c, g == 0 ? kIgrpen0 : kIgrpen1, 1);
    k.running[g].clear();
    k.group_on[g] = oracle.group_on[g] = true;
  }
  rig->wr(kGicdCtlr, 3);
  rig->icc(c, kCtlr, 0);
  k.cbpr = k.eoi_mode = false;
  for (const auto& [reg, v] : {std::pair{kBpr0, 2u}, {kBpr1, 3u}, {kPmr, 0xf8u}})
    rig->icc(c, reg, v);
  k.bpr[0] = 2;
  k.bpr[1] = 3;
  k.pmr = 0xf8;
  taken[c].clear();
  return "tidying up";
}

std::string Duel::step() {
  const unsigned c = below(kCpus);
  if (below(150) == 0) return tidy(c);
  const u32 n = kIntids[below(std::size(kIntids))];
  const unsigned kind = below(100);
  std::string what;
  if (kind < 35 && n >= 16) {
    const bool high = flip();
    rig->line(n, high, c);
    oracle.wire(c, n, high);
    what = high ? "high" : "low";
  } else if (kind < 60) {
    what = step_take(below(6), c, n);
  } else if (kind < 68) {
    const unsigned targets = below(1u << kCpus), how = below(3);
    const bool irm = below(4) == 0;
    const SysRegId reg = how == 0 ? kSgi0r : how == 1 ? kAsgi1r : kSgi1r;
    rig->icc(c, reg, u64{n % 16} << 24 | targets | (irm ? kSgiIrm : 0));
    oracle.sgi(c, n % 16, targets, irm, how != 2);
    what = "SGI";
  } else if (kind < 90) {
    what = step_interrupt(below(9), c, n);
  } else {
    what = step_interface(below(9), c);
  }
  return what + " of INTID " + std::to_string(n) + " by CPU " + std::to_string(c);
}

void Duel::compare(const std::string& what) {
  for (unsigned c = 0; c < kCpus; ++c) {
    const unsigned now = oracle.signalled(c);
    const int group = now == kSpurious ? -1 : static_cast<int>(oracle.irq(c, now).group);
    ASSERT_EQ(rig->irq[c].high, group == 1) << what << ", seen by " << c;
    ASSERT_EQ(rig->fiq[c].high, group == 0) << what << ", seen by " << c;
    const unsigned best = oracle.highest_pending(c);
    for (const unsigned g : {0u, 1u}) {
      const unsigned want = best != kSpurious && oracle.irq(c, best).group == g ? best : kSpurious;
      ASSERT_EQ(rig->icc(c, g == 0 ? kHppir0 : kHppir1), want) << what << ", seen by " << c;
    }
    ASSERT_EQ(rig->icc(c, kRpr), oracle.running(c)) << what << ", seen by " << c;
  }
}

void Duel::compare_states() {
  for (unsigned c = 0; c < kCpus; ++c)
    for (const u32 n : kIntids) {
      const GicOracle::Irq& i = oracle.irq(c, n);
      ASSERT_EQ(rig->bit_of(kIspendr, n, c), i.pending()) << n << " of " << c;
      ASSERT_EQ(rig->bit_of(kIsactiver, n, c), i.active()) << n << " of " << c;
      ASSERT_EQ(rig->bit_of(kIsenabler, n, c), i.enabled) << n << " of " << c;
    }
}

void Duel::migrate() {
  Archive ar(Archive::Mode::Save);
  rig->gic.snapshot(ar);
  ar.set_mode(Archive::Mode::Load);
  std::unique_ptr<GicRig> next = fresh();
  next->gic.mute(true);
  next->gic.snapshot(ar);
  next->gic.restored();
  next->gic.mute(false);
  ASSERT_TRUE(ar.finish());
  rig = std::move(next);
}

void run(u32 seed, bool one_of_n) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr unsigned kSteps = 10000;
  Duel d(seed, one_of_n);
  for (unsigned n = 0; n < kSteps; ++n) {
    const std::string what = d.step();
    d.compare("step " + std::to_string(n) + ": " + what);
    if (n % 32 == 0) d.compare_states();
    if (n % 1000 == 999) d.migrate();
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(d.acknowledged, kSteps / 40) << "the run must get somewhere";
  EXPECT_GT(d.preempted, kSteps / 400);
}

TEST(GicProperty, AgreesWithTheOracle) {
  for (u32 seed = 1; seed <= 4; ++seed) run(seed, false);
}

TEST(GicProperty, AgreesWithTheOracleWithOneOfN) {
  for (u32 seed = 101; seed <= 104; ++seed) run(seed, true);
}

}  // namespace
}  // namespace quince::hw::test

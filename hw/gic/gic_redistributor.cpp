// GICv3 redistributor registers.  See gic_redistributor.h.
#include "hw/gic/gic_redistributor.h"

#include "hw/gic/gic_distributor.h"

namespace quince::hw {

using namespace gic;

u32 GicRedistributor::ctlr() const {
  return core_.lpis() != nullptr && core_.lpis()->enabled(cpu_) ? kRdCtlrEnableLpis : 0;
}

/// LPIs stay enabled once they are (IHI 0069, GICR_CTLR.EnableLPIs).
void GicRedistributor::set_ctlr(u32 v) {
  if (core_.lpis() == nullptr || (v & kRdCtlrEnableLpis) == 0) return;
  core_.lpis()->enable(cpu_);
  core_.lpis_changed(cpu_);
}

void GicRedistributor::set_propbaser(u64 v) {
  if (core_.lpis() != nullptr) core_.lpis()->set_propbaser(cpu_, v);
}

/// PTZ reads as zero.
u64 GicRedistributor::pendbaser() const {
  return core_.lpis() != nullptr ? core_.lpis()->pendbaser(cpu_) & ~(u64{1} << 62) : 0;
}

void GicRedistributor::set_pendbaser(u64 v) {
  if (core_.lpis() != nullptr) core_.lpis()->set_pendbaser(cpu_, v);
}

u64 GicRedistributor::typer() const {
  const u64 last = cpu_ + 1 == core_.cpus() ? kRdTyperLast : 0;
  const u64 lpis = core_.lpis() != nullptr ? kRdTyperPlpis : 0;
  return u64{core_.affinity(cpu_)} << 32 | u64{cpu_} << 8 | last | lpis;
}

u32 GicRedistributor::waker() const {
  return core_.asleep(cpu_) ? kWakerProcessorSleep | kWakerChildrenAsleep : 0;
}

void GicRedistributor::set_group(u32 v) {
  core_.change(cpu_, 0, GicField::Group, v, true);
  core_.change(cpu_, 0, GicField::Group, ~v, false);
}

u32 GicRedistributor::icfgr(unsigned i) const {
  return icfgr_from_edges(core_.edge(cpu_, 0) >> (16 * i));
}

void GicRedistributor::set_icfgr(unsigned i, u32 v) {
  if (i == 1) core_.set_edge(cpu_, 0, edges_from_icfgr(v) << 16, 0xffff0000);
}

// clang-format off
constexpr std::array<Reg<GicRedistributor>, 30> GicRedistributor::kRegs{{
    // RD_base.  Register writes take effect at once: RWP and UWP are zero.
    {{.offset = 0x0000, .name = "GICR_CTLR"},
     Op::get<&GicRedistributor::ctlr>, Op::set<&GicRedistributor::set_ctlr>},
    {{.offset = 0x0004, .name = "GICR_IIDR"}, Op::constant<kIidr>, nullptr},
    {{.offset = 0x0008, .name = "GICR_TYPER", .size = 8, .access = 4 | 8},
     Op::get<&GicRedistributor::typer>, nullptr},
    {{.offset = 0x0010, .name = "GICR_STATUSR"}, Op::constant<0>, Op::ignore},
    {{.offset = 0x0014, .name = "GICR_WAKER"},
     Op::get<&GicRedistributor::waker>, Op::set<&GicRedistributor::set_waker>},
    {{.offset = 0x0070, .name = "GICR_PROPBASER", .size = 8, .access = 4 | 8},
     Op::get<&GicRedistributor::propbaser>, Op::set<&GicRedistributor::set_propbaser>},
    {{.offset = 0x0078, .name = "GICR_PENDBASER", .size = 8, .access = 4 | 8},
     Op::get<&GicRedistributor::pendbaser>, Op::set<&GicRedistributor::set_pendbaser>},
    {{.offset = 0xffd0, .name = "GICR_PIDR4"}, Op::constant<0x44>, nullptr},
    {{.offset = 0xffd4, .name = "GICR_PIDR5"}, Op::constant<0>, nullptr},
    {{.offset = 0xffd8, .name = "GICR_PIDR6"}, Op::constant<0>, nullptr},
    {{.offset = 0xffdc, .name = "GICR_PIDR7"}, Op::constant<0>, nullptr},
    {{.offset = 0xffe0, .name = "GICR_PIDR0"}, Op::constant<0x93>, nullptr},
    {{.offset = 0xffe4, .name = "GICR_PIDR1"}, Op::constant<0xb4>, nullptr},
    {{.offset = 0xffe8, .name = "GICR_PIDR2"}, Op::constant<0x3b>, nullptr},  // ArchRev 3
    {{.offset = 0xffec, .name = "GICR_PIDR3"}, Op::constant<0>, nullptr},
    {{.offset = 0xfff0, .name = "GICR_CIDR0"}, Op::constant<0x0d>, nullptr},
    {{.offset = 0xfff4, .name = "GICR_CIDR1"}, Op::constant<0xf0>, nullptr},
    {{.offset = 0xfff8, .name = "GICR_CIDR2"}, Op::constant<0x05>, nullptr},
    {{.offset = 0xfffc, .name = "GICR_CIDR3"}, Op::constant<0xb1>, nullptr},
    // SGI_base.
    {{.offset = 0x10080, .name = "GICR_IGROUPR0"},
     Op::get<&GicRedistributor::field<GicField::Group>>, Op::set<&GicRedistributor::set_group>},
    {{.offset = 0x10100, .name = "GICR_ISENABLER0"},
     Op::get<&GicRedistributor::field<GicField::Enabled>>,
     Op::set<&GicRedistributor::change<GicField::Enabled, true>>},
    {{.offset = 0x10180, .name = "GICR_ICENABLER0"},
     Op::get<&GicRedistributor::field<GicField::Enabled>>,
     Op::set<&GicRedistributor::change<GicField::Enabled, false>>},
    {{.offset = 0x10200, .name = "GICR_ISPENDR0"},
     Op::get<&GicRedistributor::field<GicField::Pending>>,
     Op::set<&GicRedistributor::change<GicField::Pending, true>>},
    {{.offset = 0x10280, .name = "GICR_ICPENDR0"},
     Op::get<&GicRedistributor::field<GicField::Pending>>,
     Op::set<&GicRedistributor::change<GicField::Pending, false>>},
    {{.offset = 0x10300, .name = "GICR_ISACTIVER0"},
     Op::get<&GicRedistributor::field<GicField::Active>>,
     Op::set<&GicRedistributor::change<GicField::Active, true>>},
    {{.offset = 0x10380, .name = "GICR_ICACTIVER0"},
     Op::get<&GicRedistributor::field<GicField::Active>>,
     Op::set<&GicRedistributor::change<GicField::Active, false>>},
    {{.offset = 0x10400, .name = "GICR_IPRIORITYR", .size = 1, .access = 1 | 4, .count = 32},
     Op::get<&GicRedistributor::priority>, Op::set<&GicRedistributor::set_priority>},
    {{.offset = 0x10c00, .name = "GICR_ICFGR", .count = 2},
     Op::get<&GicRedistributor::icfgr>, Op::set<&GicRedistributor::set_icfgr>},
    // RAZ/WI with one security state.
    {{.offset = 0x10d00, .name = "GICR_IGRPMODR0"}, Op::constant<0>, Op::ignore},
    {{.offset = 0x10e00, .name = "GICR_NSACR"}, Op::constant<0>, Op::ignore},
}};
// clang-format on

std::span<const Reg<GicRedistributor>> GicRedistributor::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

GicRedistributors::GicRedistributors(std::string_view name, GicCore& core) : Stateless(name) {
  for (unsigned c = 0; c < core.cpus(); ++c) frames_.emplace_back(core, c);
}

Bus GicRedistributors::read(u64 off, Access a, u64& out) {
  const u64 cpu = off / GicRedistributor::kSize;
  if (cpu >= frames_.size()) return Bus::BadRegister;
  return reg_read<GicRedistributor>(frames_[cpu], GicRedistributor::regs(),
                                    off % GicRedistributor::kSize, a, out);
}

Bus GicRedistributors::write(u64 off, Access a, u64 in) {
  const u64 cpu = off / GicRedistributor::kSize;
  if (cpu >= frames_.size()) return Bus::BadRegister;
  return reg_write<GicRedistributor>(frames_[cpu], GicRedistributor::regs(),
                                     off % GicRedistributor::kSize, a, in);
}

std::size_t GicRedistributors::reg_count() const {
  return frames_.size() * GicRedistributor::regs().size();
}

RegInfo GicRedistributors::reg_info(std::size_t i) const {
  const auto rows = GicRedistributor::regs();
  RegInfo r = rows[i % rows.size()];
  r.offset += static_cast<u32>(i / rows.size() * GicRedistributor::kSize);
  return r;
}

}  // namespace quince::hw

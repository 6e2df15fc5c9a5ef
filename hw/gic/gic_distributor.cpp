// GICv3 distributor registers.  See gic_distributor.h.
#include "hw/gic/gic_distributor.h"

namespace quince::hw {

using namespace gic;

u32 GicDistributor::typer() const {
  u32 v = (core_.words() - 1) | (15u << kTyperIdBitsShift) | kTyperA3v;
  if (!core_.one_of_n()) v |= kTyperNo1n;
  if (core_.range_selector()) v |= kTyperRss;
  if (core_.lpis() != nullptr) v |= kTyperLpis;
  return v;
}

void GicDistributor::set_group(unsigned n, u32 v) {
  if (!has(n)) return;
  core_.change(0, n, GicField::Group, v, true);
  core_.change(0, n, GicField::Group, ~v, false);
}

void GicDistributor::set_priority(unsigned intid, u8 v) {
  if (has(intid / 32)) core_.set_priority(0, intid, v);
}

u32 GicDistributor::icfgr(unsigned i) const {
  return has(i / 2) ? icfgr_from_edges(core_.edge(0, i / 2) >> (i % 2 * 16)) : 0;
}

void GicDistributor::set_icfgr(unsigned i, u32 v) {
  const unsigned shift = i % 2 * 16;
  if (has(i / 2)) core_.set_edge(0, i / 2, edges_from_icfgr(v) << shift, 0xffffu << shift);
}

void GicDistributor::set_irouter(unsigned spi, u64 v) {
  if (has(spi / 32 + 1)) core_.set_route(kFirstSpi + spi, v);
}

// clang-format off
constexpr std::array<Reg<GicDistributor>, 37> GicDistributor::kRegs{{
    {{.offset = 0x0000, .name = "GICD_CTLR"},
     Op::get<&GicDistributor::ctlr>, Op::set<&GicDistributor::set_ctlr>},
    {{.offset = 0x0004, .name = "GICD_TYPER"}, Op::get<&GicDistributor::typer>, nullptr},
    {{.offset = 0x0008, .name = "GICD_IIDR"}, Op::constant<kIidr>, nullptr},
    {{.offset = 0x000c, .name = "GICD_TYPER2"}, Op::constant<0>, nullptr},
    {{.offset = 0x0010, .name = "GICD_STATUSR"}, Op::constant<0>, Op::ignore},
    // MBIS is zero: reserved.
    {{.offset = 0x0040, .name = "GICD_SETSPI_NSR"}, Op::constant<0>, Op::ignore},
    {{.offset = 0x0048, .name = "GICD_CLRSPI_NSR"}, Op::constant<0>, Op::ignore},
    {{.offset = 0x0050, .name = "GICD_SETSPI_SR"}, Op::constant<0>, Op::ignore},
    {{.offset = 0x0058, .name = "GICD_CLRSPI_SR"}, Op::constant<0>, Op::ignore},
    {{.offset = 0x0080, .name = "GICD_IGROUPR", .count = 32},
     Op::get<&GicDistributor::field<GicField::Group>>, Op::set<&GicDistributor::set_group>},
    {{.offset = 0x0100, .name = "GICD_ISENABLER", .count = 32},
     Op::get<&GicDistributor::field<GicField::Enabled>>,
     Op::set<&GicDistributor::change<GicField::Enabled, true>>},
    {{.offset = 0x0180, .name = "GICD_ICENABLER", .count = 32},
     Op::get<&GicDistributor::field<GicField::Enabled>>,
     Op::set<&GicDistributor::change<GicField::Enabled, false>>},
    {{.offset = 0x0200, .name = "GICD_ISPENDR", .count = 32},
     Op::get<&GicDistributor::field<GicField::Pending>>,
     Op::set<&GicDistributor::change<GicField::Pending, true>>},
    {{.offset = 0x0280, .name = "GICD_ICPENDR", .count = 32},
     Op::get<&GicDistributor::field<GicField::Pending>>,
     Op::set<&GicDistributor::change<GicField::Pending, false>>},
    {{.offset = 0x0300, .name = "GICD_ISACTIVER", .count = 32},
     Op::get<&GicDistributor::field<GicField::Active>>,
     Op::set<&GicDistributor::change<GicField::Active, true>>},
    {{.offset = 0x0380, .name = "GICD_ICACTIVER", .count = 32},
     Op::get<&GicDistributor::field<GicField::Active>>,
     Op::set<&GicDistributor::change<GicField::Active, false>>},
    {{.offset = 0x0400, .name = "GICD_IPRIORITYR", .size = 1, .access = 1 | 4, .count = 1020},
     Op::get<&GicDistributor::priority>, Op::set<&GicDistributor::set_priority>},
    // RAZ/WI with affinity routing; so are the SGI registers of GICv2.
    {{.offset = 0x0800, .name = "GICD_ITARGETSR", .size = 1, .access = 1 | 4, .count = 1020},
     Op::constant<0>, Op::ignore},
    {{.offset = 0x0c00, .name = "GICD_ICFGR", .count = 64},
     Op::get<&GicDistributor::icfgr>, Op::set<&GicDistributor::set_icfgr>},
    // RAZ/WI with one security state.
    {{.offset = 0x0d00, .name = "GICD_IGRPMODR", .count = 32}, Op::constant<0>, Op::ignore},
    {{.offset = 0x0e00, .name = "GICD_NSACR", .count = 64}, Op::constant<0>, Op::ignore},
    {{.offset = 0x0f00, .name = "GICD_SGIR"}, nullptr, Op::ignore},
    {{.offset = 0x0f10, .name = "GICD_CPENDSGIR", .size = 1, .access = 1 | 4, .count = 16},
     Op::constant<0>, Op::ignore},
    {{.offset = 0x0f20, .name = "GICD_SPENDSGIR", .size = 1, .access = 1 | 4, .count = 16},
     Op::constant<0>, Op::ignore},
    {{.offset = 0x6100, .name = "GICD_IROUTER", .size = 8, .access = 4 | 8, .count = 988},
     Op::get<&GicDistributor::irouter>, Op::set<&GicDistributor::set_irouter>},
    {{.offset = 0xffd0, .name = "GICD_PIDR4"}, Op::constant<0x44>, nullptr},
    {{.offset = 0xffd4, .name = "GICD_PIDR5"}, Op::constant<0>, nullptr},
    {{.offset = 0xffd8, .name = "GICD_PIDR6"}, Op::constant<0>, nullptr},
    {{.offset = 0xffdc, .name = "GICD_PIDR7"}, Op::constant<0>, nullptr},
    {{.offset = 0xffe0, .name = "GICD_PIDR0"}, Op::constant<0x92>, nullptr},
    {{.offset = 0xffe4, .name = "GICD_PIDR1"}, Op::constant<0xb4>, nullptr},
    {{.offset = 0xffe8, .name = "GICD_PIDR2"}, Op::constant<0x3b>, nullptr},  // ArchRev 3
    {{.offset = 0xffec, .name = "GICD_PIDR3"}, Op::constant<0>, nullptr},
    {{.offset = 0xfff0, .name = "GICD_CIDR0"}, Op::constant<0x0d>, nullptr},
    {{.offset = 0xfff4, .name = "GICD_CIDR1"}, Op::constant<0xf0>, nullptr},
    {{.offset = 0xfff8, .name = "GICD_CIDR2"}, Op::constant<0x05>, nullptr},
    {{.offset = 0xfffc, .name = "GICD_CIDR3"}, Op::constant<0xb1>, nullptr},
}};
// clang-format on

std::span<const Reg<GicDistributor>> GicDistributor::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

}  // namespace quince::hw

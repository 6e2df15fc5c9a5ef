// System registers that devices implement: the GIC's CPU interface and the generic timers.  Only
// the counter is read without the I/O lock, because guests read it all the time.
#include "cpu/sysreg_handlers.h"

namespace quince::cpu::sr {

namespace {

bool read_port(Vcpu& c, hw::SysRegTarget* port, hw::SysRegId id, u64& out) {
  if (port != nullptr) {
    const hw::IoLock::Guard held(*c.ports().io_lock);
    if (port->sysreg_read(id, out) == hw::Bus::Ok) return true;
  }
  c.undefined();
  return false;
}
bool write_port(Vcpu& c, hw::SysRegTarget* port, hw::SysRegId id, u64 in) {
  if (port != nullptr) {
    const hw::IoLock::Guard held(*c.ports().io_lock);
    if (port->sysreg_write(id, in) == hw::Bus::Ok) return true;
  }
  c.undefined();
  return false;
}

}  // namespace

u64 read_counter(Vcpu& c) { return c.counter(); }
void write_cntkctl(Vcpu& c, u64 v) {
  c.set_cntkctl(v & 0x3ff);  // up to EL0PTEN: no FEAT_ECV
}
bool read_timer(Vcpu& c, const SysRegRow& row, u64& out) {
  return read_port(c, c.ports().timer, row.id, out);
}
bool write_timer(Vcpu& c, const SysRegRow& row, u64 in) {
  return write_port(c, c.ports().timer, row.id, in);
}
bool read_gic(Vcpu& c, const SysRegRow& row, u64& out) {
  return read_port(c, c.ports().gic, row.id, out);
}
bool write_gic(Vcpu& c, const SysRegRow& row, u64 in) {
  return write_port(c, c.ports().gic, row.id, in);
}

}  // namespace quince::cpu::sr

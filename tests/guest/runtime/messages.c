// GICv2m (Arm SBSA 3.1, appendix E, "MSI frame").  GICD_TYPER.LPIS decides: a board of ours has an ITS
// or a frame.
#include "messages.h"

enum { kTyper = 0x008, kSetSpi = 0x040, kGicdTyper = 0x004, kLpis = 1 << 17 };

bool messages_open(struct Messages *m, const struct PciFunction *f, u32 count) {
  *m = (struct Messages){.count = count};
  if (count > kMaxMessages) return false;
  if (get32(GICD_BASE + kGicdTyper) & kLpis) return its_open(m, f->slot << 3, count);
  const u32 typer = get32(MSI_FRAME + kTyper);
  const u32 first = typer >> 16 & 0x3ff, end = first + (typer & 0x3ff);
  m->first = (first + count - 1) & ~(count - 1);
  if (m->first + count > end) return false;
  for (u32 i = 0; i < count; ++i) {
    m->m[i] = (struct PciMessage){MSI_FRAME + kSetSpi, m->first + i};
    gic_edge(m->first + i, true);
    gic_enable(m->first + i, true);
  }
  return true;
}

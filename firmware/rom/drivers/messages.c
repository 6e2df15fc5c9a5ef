// GICv2m (Arm SBSA 3.1, appendix E, "MSI frame").  Where the board may have an ITS, GICD_TYPER.LPIS
// decides: it has one or the other.
#include "firmware/rom/drivers/messages.h"

#include "firmware/rom/drivers/gic.h"

enum { kTyper = 0x008, kSetSpi = 0x040 };
#ifdef GITS_BASE
enum { kGicdTyper = 0x004, kLpis = 1 << 17 };
#endif

bool messages_open(struct Messages* m, const struct PciFunction* f, u32 count) {
  *m = (struct Messages){.count = count};
  if (count > kMaxMessages) return false;
#ifdef GITS_BASE
  if (get32(GICD_BASE + kGicdTyper) & kLpis) return its_open(m, f->slot << 3, count);
#else
  (void)f;
#endif
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

// The checks in their order: what others rely on comes first.
#include "firmware/rom/checks/checks.h"

#include "firmware/rom/checks/check.h"

const char check_absent[] = "absent";

const struct Check checks[] = {
    {"cpu", check_cpu},
    {"cfg", check_cfg},
    {"psci", check_psci},
    {"pac", check_pac},
    {"gic", check_gic},
    {"timers", check_timers},
    {"msi-frame", check_msi_frame},
    {"uart0", check_uart},
    {"rtc", check_rtc},
    {"gpio", check_gpio},
    {"pvpanic", check_pvpanic},
    {"bdif", check_bdif},
    {"gpu", check_gpu},
    {"iosurface", check_iosurface},
    {"aes", check_aes},
    {"aes-2", check_aes_2},
    {"payload", check_payload},
    {"avp-rtc", check_avp_rtc},
    {"pcie", check_pcie},
    {"xhci", check_xhci},
    {"apple-disks", check_apple_disks},
};
const u32 check_count = sizeof checks / sizeof checks[0];

const char* check_failed(const char* format, ...) {
  static char text[160];
  __builtin_va_list list;
  __builtin_va_start(list, format);
  format_list(text, sizeof text, format, list);
  __builtin_va_end(list);
  return text;
}

const char* check_primecell(u64 base, u32 part) {
  u32 id = 0, cell = 0;
  for (u32 i = 0; i < 4; ++i) {
    id |= (get32(base + 0xfe0 + 4 * i) & 0xff) << 8 * i;
    cell |= (get32(base + 0xff0 + 4 * i) & 0xff) << 8 * i;
  }
  WANT("PeriphID", id, part);
  WANT("PCellID", cell, 0xb105f00d);
  return 0;
}

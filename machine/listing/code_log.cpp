#include "machine/listing/code_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "machine/listing/listing.h"

namespace quince::machine {

using cpu::jit::ListedInsn;
using cpu::jit::TranslatedCode;

Result<std::unique_ptr<CodeLog>> CodeLog::create(Log& log, CodeLogOptions options) {
  std::unique_ptr<CodeLog> code_log(new CodeLog(log, std::move(options)));
  if (code_log->options_.perf_map) {
    auto map = PerfMap::create(PerfMap::path_for(::getpid()));
    if (!map) return tl::unexpected(map.error().in("-perfmap"));
    code_log->map_ = std::move(*map);
  }
  return code_log;
}

bool CodeLog::wanted(const TranslatedCode& code) const {
  if (options_.filter.empty()) return true;
  return std::ranges::any_of(code.insns, [&](const ListedInsn& i) {
    return std::ranges::any_of(
        options_.filter, [&](const AddressRange& r) { return r.first <= i.pc && i.pc <= r.last; });
  });
}

void CodeLog::translated(const TranslatedCode& code) {
  if (map_) map_->add(code.at, code.bytes.size(), fmt::format("guest-{:#x}", code.pc));
  if (!(options_.in_asm || options_.out_asm) || !wanted(code)) return;
  std::string text;
  if (options_.in_asm) text += guest_listing(code);
  if (options_.out_asm) text += host_listing(code);
  log_.line(text);
}

void CodeLog::shared_code(unsigned cpu, const cpu::jit::CodeNames& names) {
  if (!map_) return;
  for (std::size_t n = 0; n < names.routines.size(); ++n) {
    const u8* const end =
        n + 1 < names.routines.size() ? names.routines[n + 1].at : names.routines_end;
    map_->add(names.routines[n].at, static_cast<std::size_t>(end - names.routines[n].at),
              fmt::format("quince-jit-{} cpu{}", names.routines[n].name, cpu));
  }
}

}  // namespace quince::machine

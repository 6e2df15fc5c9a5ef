// Says what was asked to be said of translated code: listings to the log, names to perf's map.
#pragma once

#include <memory>
#include <optional>

#include "base/log.h"
#include "base/result.h"
#include "cpu/jit/observer.h"
#include "machine/listing/options.h"
#include "machine/listing/perf_map.h"

namespace quince::machine {

/// Of one machine; its vCPUs call it on their threads.
class CodeLog final : public cpu::jit::CodeObserver {
 public:
  /// Fails, with the option's name in front, where a file cannot be made.
  static Result<std::unique_ptr<CodeLog>> create(Log& log, CodeLogOptions options);

  void translated(const cpu::jit::TranslatedCode& code) override;
  void shared_code(unsigned cpu, const cpu::jit::CodeNames& names) override;

 private:
  CodeLog(Log& log, CodeLogOptions options) : log_(log), options_(std::move(options)) {}
  bool wanted(const cpu::jit::TranslatedCode& code) const;

  Log& log_;
  const CodeLogOptions options_;
  std::optional<PerfMap> map_;
};

}  // namespace quince::machine

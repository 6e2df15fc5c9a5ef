// Tells a CodeObserver of translated code: what the notes of the Emitter mean, and names.
#pragma once

#include "cpu/jit/code_buffer.h"
#include "cpu/jit/observer.h"
#include "cpu/jit/x64/emitter.h"
#include "cpu/jit/x64/thunks.h"

namespace quince::cpu::jit {

class Telling {
 public:
  Telling(CodeObserver& observer, unsigned cpu, const CodeBuffer& buffer, const Shared& shared,
          const Thunks& thunks);

  const CodeNames& names() const { return names_; }
  /// For one attempt to translate.
  Notes& fresh_notes();
  /// That it went well; `code` is of `region`, whose page is at `page_va`.
  void tell(const Region& region, const Translated& code, u64 page_va);

 private:
  void name_state(const Native::Distances& at);
  void name_routines(const Shared& shared, const Thunks& thunks);
  void name(int offset, std::size_t bytes, std::string text);

  CodeObserver& observer_;
  const unsigned cpu_;
  const CodeBuffer& buffer_;
  CodeNames names_;
  Notes notes_;
  std::vector<ListedInsn> insns_;
};

}  // namespace quince::cpu::jit

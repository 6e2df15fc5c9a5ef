// A memory fence on an x86-64 host.
#pragma once

namespace quince {

/// A full fence, store before load too.  In assembly, because g++ rejects fences under TSan, which
/// does not know them.
inline void full_fence() { asm volatile("lock orq $0, (%%rsp)" ::: "cc", "memory"); }

}  // namespace quince

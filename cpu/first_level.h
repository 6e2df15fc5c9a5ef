// What stands between accesses and the TLB: pages with the host address that goes with them.
//
// The first level (Vcpu::l1_) is looked at by each access.  Behind it are the pages that were in it lately
// (RecentPages), with an index that takes more of the address: arrays at distances that are powers of two
// displace each other in the first level, and then one of them is found there.  Translated code looks at both
// without a call (cpu/jit/x64/find_thunks.cpp).
//
// Plain data of one vCPU, on its thread.
#pragma once

#include <array>

#include "base/types.h"

namespace quince::cpu {

inline constexpr u64 kNoPage = 4;  ///< a tag that no address has, not even a misaligned PC

struct TlbEntry {
  u64 read = kNoPage, write = kNoPage;  ///< page address, or kNoPage
  u64 addend = 0;                       ///< host address minus virtual address
  u64 pa_page = 0;  ///< physical page, and flags: Vcpu::kWatchedWrite, kPrivate and size
};

/// Pages of the first level, to be put there again when others took their place, and blocks to be read.
struct RecentPages {
  static constexpr unsigned kEntries = 16384, kBlocks = 64;
  static constexpr unsigned kBlockShift = 21;
  static constexpr u64 kPage = 0xfff, kBlock = (u64{1} << kBlockShift) - 1;

  /// Tags are addresses of pages, or blocks, with a stamp in the lower bits; 0: none.
  struct Page {
    u64 read = 0, write = 0;
    u64 addend = 0, pa_page = 0;  ///< as in TlbEntry
  };
  struct Block {
    u64 read = 0, addend = 0;
  };
  /// Of one regime: EL0, EL1 or EL1 with PAN.
  struct Table {
    std::array<Page, kEntries> pages{};
    std::array<Block, kBlocks> blocks{};
  };
  std::array<Table, 3> tables{};
  /// By bit 55 of an address: what tags have that still count. Odd.
  std::array<u64, 2> stamps{1, 1};
  /// What translated code takes for those: no tag has it while nothing is to be found.
  std::array<u64, 2> shown{1, 1};
  bool hidden = false;
  /// Translated code finds so many pages here before it calls, for the first level to get one of them.
  static constexpr s32 kHits = 32;
  s32 hits_left = 0;

  static constexpr unsigned half(u64 va) { return static_cast<unsigned>(va >> 55 & 1); }
  static constexpr unsigned index(u64 va) { return (va >> 12 ^ va >> 26) & (kEntries - 1); }
  u64 tag(u64 va) const { return (va & ~kPage) | stamps[half(va)]; }

  /// An entry of the first level for the page of `va`, to be found here.
  void keep(unsigned table, u64 va, const TlbEntry& e) {
    const auto stamped = [&](u64 page) { return page == kNoPage ? 0 : tag(va); };
    page(table, va) = {stamped(e.read), stamped(e.write), e.addend, e.pa_page};
  }
  /// The whole block around `va` can be read by adding `addend` to addresses.
  void keep_block(unsigned table, u64 va, u64 addend) {
    tables[table].blocks[va >> kBlockShift & (kBlocks - 1)] = {tag(va & ~kBlock), addend};
  }
  /// What keep() got, if that still counts and lets the access through.
  bool find(unsigned table, u64 va, bool write, TlbEntry& out) {
    const Page& p = page(table, va);
    if ((write ? p.write : p.read) != tag(va)) return false;
    const auto plain = [&](u64 t) { return t == tag(va) ? va & ~kPage : kNoPage; };
    out = {plain(p.read), plain(p.write), p.addend, p.pa_page};
    return true;
  }

  /// Nothing counts any more of the half that has that bit 55.
  void forget(unsigned which) {
    stamps[which] += 2;
    if (stamps[which] > kPage) {
      for (Table& t : tables) {
        t.pages.fill({});
        t.blocks.fill({});
      }
      stamps = {1, 1};
    }
    hide(hidden);
  }
  /// Translated code finds nothing, or what there is.
  void hide(bool on) {
    constexpr u64 kNoTag = 2;
    hidden = on;
    shown = on ? std::array{kNoTag, kNoTag} : stamps;
  }
  void forget() {
    forget(0);
    forget(1);
  }
  /// Nothing counts any more of a page, with whatever tag in its address.
  void forget_page(u64 va) {
    constexpr u64 kAddress = (u64{1} << 56) - 1;
    for (unsigned table = 0; table < tables.size(); ++table) {
      Page& p = page(table, va);
      if ((((p.read | p.write) ^ va) & kAddress & ~kPage) == 0) p = {};
    }
  }

 private:
  Page& page(unsigned table, u64 va) { return tables[table].pages[index(va)]; }
};

}  // namespace quince::cpu

// What stands between accesses and the TLB: pages with the host address that goes with them.
//
// The first level (Vcpu::l1_) is looked at by each access.  Behind it are the pages that were in it lately
// (RecentPages), with an index that takes more of the address: arrays at distances that are powers of two
// displace each other in the first level, and then one of them is found there.  Translated code looks at both
// without a call (cpu/jit/x64/find_page.cpp).
//
// Plain data of one vCPU, on its thread.
#pragma once

#include <array>

#include "base/types.h"

namespace quince::cpu {

inline constexpr u64 kNoPage = 4;  ///< a tag that no address has, not even a misaligned PC
/// Whether a tag of the first level is a page's address.
constexpr bool is_page(u64 tag) { return (tag & 0xfff) == 0; }

struct TlbEntry {
  u64 read = kNoPage, write = kNoPage;  ///< page address, or none: !is_page()
  u64 addend = 0;                       ///< host address minus virtual address
  u64 pa_page = 0;                      ///< physical page, and what follows

  /// Writes are allowed, but the page is watched for exclusives.
  static constexpr u64 kWatchedWrite = 1;
  /// Of this address space only, in the lower half or not global.
  static constexpr u64 kPrivate = 2;
  /// Where log2 of the bytes of the page or block is that the page is in, of 5 bits.
  static constexpr unsigned kSizeShift = 2;
};

/// The first level of one regime. Each member of its entries is a column, so that the number of an entry is all that
/// is to be computed of its place: x86 multiplies by 8 on the way.
struct FirstLevel {
  static constexpr unsigned kEntries = 1024;
  /// What goes together in columns is in different sets of the host's cache.
  static constexpr unsigned kGap = 40;
  using Column = std::array<u64, kEntries + kGap>;

  Column read = none(), write = none(), addend{}, pa_page{};

  static constexpr unsigned index(u64 va) { return (va >> 12) & (kEntries - 1); }
  TlbEntry get(unsigned n) const { return {read[n], write[n], addend[n], pa_page[n]}; }
  void put(unsigned n, const TlbEntry& e) {
    read[n] = e.read;
    write[n] = e.write;
    addend[n] = e.addend;
    pa_page[n] = e.pa_page;
  }
  /// Lets no access through.
  void drop(unsigned n) { read[n] = write[n] = kNoPage; }
  void drop_all() { read = write = none(); }
  /// The page of an entry, or !is_page().
  u64 page(unsigned n) const { return is_page(read[n]) ? read[n] : write[n]; }

 private:
  static constexpr Column none() {
    Column c{};
    c.fill(kNoPage);
    return c;
  }
};

/// Pages of the first level, to be put there again when others took their place, and blocks to be read.
///
/// Those of the lower half count for one address space: they are back when it is. It is settled which one that is
/// when somebody has something to keep, because software goes through several on its way to the next.
struct RecentPages {
  static constexpr unsigned kEntries = 16384, kBlocks = 64, kSpaces = 16;
  static constexpr unsigned kBlockShift = 21;
  static constexpr u64 kPage = 0xfff, kBlock = (u64{1} << kBlockShift) - 1;

  /// Tags are addresses of pages, or blocks, with a stamp in the lower bits; 0: none.
  struct Read {
    u64 tag = 0;
    u64 addend = 0;  ///< as in TlbEntry, for writes, too
  };
  /// Of a page, what reading it does not need: more pages stay in the host's cache without.
  struct Write {
    u64 tag = 0;
    u64 pa_page = 0;  ///< as in TlbEntry
  };
  struct Block {
    u64 read = 0;
    u64 addend = 0, pa_page = 0;  ///< as in TlbEntry, of the first page
    u64 unused = 0;               ///< makes it a power of two
  };
  /// Of one regime: EL0, EL1 or EL1 with PAN.
  struct Table {
    std::array<Read, kEntries> reads{};
    std::array<Write, kEntries> writes{};
    std::array<Block, kBlocks> blocks{};
  };
  std::array<Table, 3> tables{};
  struct Space {
    u64 ttbr0 = 0;
    u64 asid = 0;
    u64 stamp = 0;  ///< 0: none
  };
  std::array<Space, kSpaces> spaces{};
  u64 last_stamp = 1;
  /// By bit 55 of an address: what tags have that still count. Odd; kNoStamp, which no tag has, for a lower half
  /// that is not settled.
  std::array<u64, 2> stamps{kNoStamp, 1};
  /// What translated code takes for those.
  std::array<u64, 2> shown = stamps;
  bool hidden = false;  ///< it is to find nothing
  static constexpr u64 kNoStamp = 2;
  /// So many more pages are found here before one goes back into the first level; and so many blocks, before the page of
  /// one goes there.
  static constexpr s32 kPagesFound = 8, kBlocksFound = 32;
  s32 pages_left = 0, blocks_left = 0;

  static constexpr unsigned half(u64 va) { return static_cast<unsigned>(va >> 55 & 1); }
  /// Where a page has its place: in other spaces elsewhere.
  static constexpr u32 kMultiplier = 0x1e37'79b1;
  static constexpr unsigned kFold = 14;
  static constexpr unsigned index(u64 va, u64 stamp) {
    return ((va ^ va >> kFold ^ static_cast<u32>(stamp) * kMultiplier) >> 12) & (kEntries - 1);
  }
  u64 tag(u64 va) const { return (va & ~kPage) | stamps[half(va)]; }

  /// An entry of the first level for the page of `va`, to be found here.
  void keep(unsigned table, u64 va, const TlbEntry& e) {
    const u64 t = tag(va);
    const unsigned n = index(va, stamps[half(va)]);
    tables[table].reads[n] = {is_page(e.read) ? t : 0, e.addend};
    tables[table].writes[n] = {is_page(e.write) ? t : 0, e.pa_page};
  }
  /// The whole block around `va` can be read; the page there has these in its TlbEntry.
  void keep_block(unsigned table, u64 va, u64 addend, u64 pa_page) {
    tables[table].blocks[va >> kBlockShift & (kBlocks - 1)] = {
        .read = tag(va & ~kBlock), .addend = addend, .pa_page = pa_page - (va & kBlock & ~kPage)};
  }
  /// What keep() got, if that still counts and lets the access through.
  bool find(unsigned table, u64 va, bool write, TlbEntry& out) {
    const u64 stamp = stamps[half(va)];  // which alone is no page
    const unsigned n = index(va, stamp);
    const Read& r = tables[table].reads[n];
    const Write& w = tables[table].writes[n];
    if ((write ? w.tag : r.tag) != tag(va)) return false;
    out = {r.tag ^ stamp, w.tag ^ stamp, r.addend, w.pa_page};
    return true;
  }

  /// Before keep() and find(): the address space is this one.
  void settle(u64 ttbr0, u64 asid) {
    if (stamps[0] != kNoStamp) return;
    Space& s = spaces[(ttbr0 >> 12 ^ asid) & (kSpaces - 1)];
    if (s.stamp == 0 || s.ttbr0 != ttbr0 || s.asid != asid) s = {ttbr0, asid, fresh()};
    stamps[0] = s.stamp;
    hide(hidden);
  }
  /// The address space is another one.
  void leave_space() {
    stamps[0] = kNoStamp;
    hide(hidden);
  }
  /// Nothing counts any more of one ASID's lower half.
  void forget_space(u64 asid) {
    for (Space& s : spaces)
      if (s.asid == asid) s = {};
    leave_space();
  }
  void forget_upper() {
    stamps[1] = fresh();
    hide(hidden);
  }
  void forget() {
    spaces = {};
    leave_space();
    forget_upper();
  }
  /// Translated code finds nothing, or what there is.
  void hide(bool on) {
    hidden = on;
    shown = on ? std::array{kNoStamp, kNoStamp} : stamps;
  }
  /// Nothing counts any more of a page, with whatever tag in its address, in any space.
  void forget_page(u64 va) {
    if (half(va) == 1) return forget_page(va, stamps[1]);
    for (const Space& s : spaces)
      if (s.stamp != 0) forget_page(va, s.stamp);
  }

 private:
  void forget_page(u64 va, u64 stamp) {
    constexpr u64 kAddress = (u64{1} << 56) - 1;
    const u64 tag = (va & ~kPage) | stamp;
    const unsigned n = index(va, stamp);
    for (Table& t : tables)
      if ((((t.reads[n].tag | t.writes[n].tag) ^ tag) & kAddress) == 0)
        t.reads[n] = {}, t.writes[n] = {};
  }
  /// A stamp that no tag has.
  u64 fresh() {
    if ((last_stamp += 2) <= kPage) return last_stamp;
    for (Table& t : tables) {
      t.reads.fill({});
      t.writes.fill({});
      t.blocks.fill({});
    }
    spaces = {};
    stamps = {kNoStamp, 1};
    return last_stamp = 3;
  }
};

}  // namespace quince::cpu

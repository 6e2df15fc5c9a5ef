// Numbers of 9P2000.L, the Linux dialect of 9P.
//
// Sources: "Plan 9 Remote Resource Protocol" (intro(5) and the pages of section 5), and diod's
// protocol.md for the messages of the dialect.  Names are theirs.
#pragma once

#include "base/types.h"

namespace quince::p9 {

/// Message types.  An answer has the number of its request plus one.
enum class Msg : u8 {
  Rlerror = 7,
  Tstatfs = 8,
  Tlopen = 12,
  Tlcreate = 14,
  Tsymlink = 16,
  Tmknod = 18,
  Trename = 20,
  Treadlink = 22,
  Tgetattr = 24,
  Tsetattr = 26,
  Txattrwalk = 30,
  Txattrcreate = 32,
  Treaddir = 40,
  Tfsync = 50,
  Tlock = 52,
  Tgetlock = 54,
  Tlink = 70,
  Tmkdir = 72,
  Trenameat = 74,
  Tunlinkat = 76,
  Tversion = 100,
  Tauth = 102,
  Tattach = 104,
  Tflush = 108,
  Twalk = 110,
  Tread = 116,
  Twrite = 118,
  Tclunk = 120,
  Tremove = 122,
};

inline constexpr u32 kHeaderSize = 7;  ///< size[4] type[1] tag[2]
inline constexpr u32 kErrorSize = 11;  ///< a whole Rlerror
/// What a read or write needs beside its data, generously (P9_IOHDRSZ).
inline constexpr u32 kIoHeader = 24;
inline constexpr u32 kReadHeader = 11;        ///< of Rread and Rreaddir: header and count[4]
inline constexpr u32 kMinMsize = 4096;        ///< less is refused, as QEMU does
inline constexpr u32 kMaxMsize = 512 * 1024;  ///< what a client gets at most
inline constexpr u16 kMaxWalk = 16;           ///< names in one Twalk (MAXWELEM)
inline constexpr u32 kNoUid = ~u32{0};        ///< n_uname of a client that names no user

/// Qid.type.
inline constexpr u8 QTDIR = 0x80, QTSYMLINK = 0x02, QTFILE = 0x00;

/// What the server knows a file by.
struct Qid {
  u8 type = QTFILE;
  u32 version = 0;
  u64 path = 0;
};

// Tgetattr's request_mask and Rgetattr's valid.
inline constexpr u64 P9_GETATTR_BASIC = 0x7ff;  ///< mode to blocks
inline constexpr u64 P9_GETATTR_BTIME = 0x800;

// Tsetattr's valid.
inline constexpr u32 P9_SETATTR_MODE = 0x1, P9_SETATTR_UID = 0x2, P9_SETATTR_GID = 0x4,
                     P9_SETATTR_SIZE = 0x8, P9_SETATTR_ATIME = 0x10, P9_SETATTR_MTIME = 0x20,
                     P9_SETATTR_CTIME = 0x40, P9_SETATTR_ATIME_SET = 0x80,
                     P9_SETATTR_MTIME_SET = 0x100;

// Open flags (P9_DOTL_*).  They are Linux's of x86, which this host has too.
inline constexpr u32 P9_DOTL_ACCMODE = 3, P9_DOTL_EXCL = 0200, P9_DOTL_TRUNC = 01000,
                     P9_DOTL_APPEND = 02000, P9_DOTL_DSYNC = 010000, P9_DOTL_DIRECTORY = 0200000,
                     P9_DOTL_NOATIME = 01000000, P9_DOTL_SYNC = 04000000;

inline constexpr u32 P9_DOTL_AT_REMOVEDIR = 0x200;  ///< Tunlinkat

// Tlock.
inline constexpr u8 P9_LOCK_TYPE_RDLCK = 0, P9_LOCK_TYPE_WRLCK = 1, P9_LOCK_TYPE_UNLCK = 2;
inline constexpr u8 P9_LOCK_SUCCESS = 0, P9_LOCK_BLOCKED = 1, P9_LOCK_ERROR = 2;
inline constexpr u32 P9_LOCK_FLAGS_BLOCK = 1, P9_LOCK_FLAGS_RECLAIM = 2;

}  // namespace quince::p9

// Partition tables: GUID Partition Table (UEFI 2.10, section 5.3) with its backup, and the older
// table of the master boot record (5.2.1) with logical partitions.  A disk without a table is one
// file system.
//
// Missing on purpose: tables written for sectors of another size than 512 bytes, and other kinds
// of tables (Apple, BSD, Sun).
#pragma once

#include "firmware/rom/storage/block_source.h"

enum { kMaxPartitions = 128, kPartitionNameBytes = 36 * 3 + 1 };

enum PartitionScheme {
  kSchemeNone,       ///< no table: one partition, number 0, which is the whole disk
  kSchemeMbr,        ///< master boot record
  kSchemeGpt,        ///< GUID partition table
  kSchemeGptBackup,  ///< the same, read from the disk's end because the first one is damaged
};

/// A stretch of a disk that may hold a file system.
struct Partition {
  u64 first, sectors;              ///< in sectors of 512 bytes; on the disk
  u32 number;                      ///< as Linux counts: from 1, logical ones from 5
  u8 mbr_type;                     ///< of the master boot record
  bool is_esp;                     ///< an EFI system partition
  u8 type[16];                     ///< of GPT: the type's GUID as it is on the disk
  u8 guid[16];                     ///< of GPT: the partition's own GUID as it is on the disk
  char name[kPartitionNameBytes];  ///< of GPT: UTF-8, may be empty
};

struct PartitionTable {
  enum PartitionScheme scheme;
  u32 count;
  bool more;  ///< there are more than fit
  struct Partition partitions[kMaxPartitions];
  u8 sector[kSectorBytes];  ///< for reading
};

/// Reads a disk's partition table.  What is empty or begins beyond the disk's end is left out, and
/// what ends there is cut.
const char* partitions_read(const struct BlockSource* disk, struct PartitionTable* table);

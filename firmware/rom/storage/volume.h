// A mounted file system, read-only: FAT or ext2/3/4.  Each of them says where the bytes of a file
// are on the disk (`map`) and what is in a folder (`next`); paths, symbolic links, holes and the
// merging of neighbours into large requests are done here, once for all.
//
// A function that returns `const char*` returns 0 when it did its work, or one line that says why
// not.  Nothing here recurses, and every loop ends whatever is on the disk.
#pragma once

#include "firmware/rom/storage/block_source.h"
#include "firmware/rom/storage/ext4.h"
#include "firmware/rom/storage/fat.h"

enum {
  kVolumeNameBytes = 256 * 3,  ///< of a name in UTF-8, with its NUL
  kVolumePathBytes = 1024,     ///< of a path, or of a link's target, with its NUL
  kVolumeMaxLinks = 40,        ///< symbolic links that one path may lead through
  kVolumeLabelBytes = 49,
};

enum VolumeKind { kVolumeFile = 1, kVolumeFolder, kVolumeLink, kVolumeOther };

/// A file or folder; plain data that stays good as long as the volume.
struct VolumeNode {
  u64 id;          ///< the file system's own number
  u64 size;        ///< bytes; of folders: what the file system says, perhaps 0
  u8 kind;         ///< VolumeKind
  bool fold_case;  ///< a folder whose names are found without regard to the case of ASCII letters
};

/// A stretch of a file: bytes of the volume, or zeros that are stored nowhere.
struct VolumeRun {
  u64 at;
  u64 bytes;  ///< 0: the file ends here
  bool hole;
};

/// A place in a folder.
struct VolumeCursor {
  struct VolumeNode folder;
  u64 offset;
};

struct VolumeEntry {
  struct VolumeNode node;
  char name[kVolumeNameBytes];  ///< UTF-8 on FAT; bytes as they are on ext2/3/4
  char short_name[13];          ///< FAT's other name, or empty
};

/// What a file system implements.
struct VolumeOps {
  /// Where the bytes from `offset` on are; at least one of them, `want` at most.
  const char* (*map)(struct Volume* v, const struct VolumeNode* node, u64 offset, u64 want,
                     struct VolumeRun* run);
  /// The next entry of a folder, "." and ".." too, with the node's id; `*more` is false at the end.
  const char* (*next)(struct Volume* v, struct VolumeCursor* cursor, struct VolumeEntry* entry,
                      bool* more);
  /// Completes a node of which next() gave the id; 0 where next() gives all of it.
  const char* (*load)(struct Volume* v, struct VolumeNode* node);
};

struct Volume {
  const struct VolumeOps* ops;
  const char* type;               ///< "FAT16", "ext4"
  char label[kVolumeLabelBytes];  ///< may be empty
  struct VolumeNode root;
  struct BlockCache cache;
  union {
    struct Fat fat;
    struct Ext4 ext4;
  };
  // Where volume_find() works.
  struct VolumeEntry entry;
  char path[kVolumePathBytes];
  char target[kVolumePathBytes];
};

/// What volume_find() and volume_load() return when there is no such file; compare the pointer.
extern const char kVolumeNotFound[];

/// Recognizes and mounts what is in a stretch of a disk.  `source` must outlive the volume.
const char* volume_mount(struct Volume* v, const struct BlockSource* source, u64 first,
                         u64 sectors);
/// Follows a path from the root, through symbolic links; a slash in front changes nothing.
const char* volume_find(struct Volume* v, const char* path, struct VolumeNode* found);
/// Reads bytes of a file, all of which must be in it.
const char* volume_read(struct Volume* v, const struct VolumeNode* file, u64 offset, void* to,
                        u64 bytes);
/// Finds a file and reads the whole of it, which must fit into `room` bytes.
const char* volume_load(struct Volume* v, const char* path, void* to, u64 room, u64* bytes);

/// Begins to list a folder.  Other functions may be called between two volume_next().
struct VolumeCursor volume_list(const struct VolumeNode* folder);
/// The next entry without "." and ".."; one that cannot be read is of kind kVolumeOther.
const char* volume_next(struct Volume* v, struct VolumeCursor* cursor, struct VolumeEntry* entry,
                        bool* more);

/// For file systems: few bytes of a file or folder through the cache; holes read as zeros.
const char* volume_peek(struct Volume* v, const struct VolumeNode* node, u64 offset, void* to,
                        u64 bytes);

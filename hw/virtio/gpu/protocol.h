// Numbers and structures of the GPU device (virtio 1.2, 5.7), in the specification's spelling.
#pragma once

#include "hw/virtio/virtio_spec.h"

namespace quince::hw {

// Feature bits (5.7.3).
inline constexpr unsigned VIRTIO_GPU_F_VIRGL = 0;
inline constexpr unsigned VIRTIO_GPU_F_EDID = 1;
inline constexpr unsigned VIRTIO_GPU_F_RESOURCE_UUID = 2;
inline constexpr unsigned VIRTIO_GPU_F_RESOURCE_BLOB = 3;

// events_read (5.7.4).
inline constexpr u32 VIRTIO_GPU_EVENT_DISPLAY = 1;

// 5.7.6.7: enum virtio_gpu_ctrl_type.
enum VirtioGpuCtrlType : u32 {
  VIRTIO_GPU_CMD_GET_DISPLAY_INFO = 0x0100,
  VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
  VIRTIO_GPU_CMD_RESOURCE_UNREF,
  VIRTIO_GPU_CMD_SET_SCANOUT,
  VIRTIO_GPU_CMD_RESOURCE_FLUSH,
  VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
  VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
  VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
  VIRTIO_GPU_CMD_GET_CAPSET_INFO,
  VIRTIO_GPU_CMD_GET_CAPSET,
  VIRTIO_GPU_CMD_GET_EDID,

  VIRTIO_GPU_CMD_UPDATE_CURSOR = 0x0300,
  VIRTIO_GPU_CMD_MOVE_CURSOR,

  VIRTIO_GPU_RESP_OK_NODATA = 0x1100,
  VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
  VIRTIO_GPU_RESP_OK_CAPSET_INFO,
  VIRTIO_GPU_RESP_OK_CAPSET,
  VIRTIO_GPU_RESP_OK_EDID,

  VIRTIO_GPU_RESP_ERR_UNSPEC = 0x1200,
  VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY,
  VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID,
  VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
  VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID,
  VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
};

inline constexpr u32 VIRTIO_GPU_FLAG_FENCE = 1;
inline constexpr u32 VIRTIO_GPU_MAX_SCANOUTS = 16;

// Formats of 2D resources (5.7.6.8): the names list bytes in memory, from the first.
inline constexpr u32 VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM = 1;
inline constexpr u32 VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM = 2;
inline constexpr u32 VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM = 3;
inline constexpr u32 VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM = 4;
inline constexpr u32 VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM = 67;
inline constexpr u32 VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM = 68;
inline constexpr u32 VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM = 121;
inline constexpr u32 VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM = 134;

/// struct virtio_gpu_ctrl_hdr.
struct VirtioGpuCtrlHdr {
  u32 type = 0;
  u32 flags = 0;
  u64 fence_id = 0;
  u32 ctx_id = 0;
  u8 ring_idx = 0;
  u8 padding[3] = {};
};
static_assert(sizeof(VirtioGpuCtrlHdr) == 24);

/// struct virtio_gpu_rect.
struct VirtioGpuRect {
  u32 x = 0, y = 0, width = 0, height = 0;
};

/// struct virtio_gpu_display_one, of which RESP_OK_DISPLAY_INFO has VIRTIO_GPU_MAX_SCANOUTS.
struct VirtioGpuDisplayOne {
  VirtioGpuRect r = {};
  u32 enabled = 0;
  u32 flags = 0;
};

struct VirtioGpuRespDisplayInfo {
  VirtioGpuCtrlHdr hdr = {};
  VirtioGpuDisplayOne pmodes[VIRTIO_GPU_MAX_SCANOUTS] = {};
};
static_assert(sizeof(VirtioGpuRespDisplayInfo) == 24 + 16 * 24);

struct VirtioGpuGetEdid {
  u32 scanout = 0;
  u32 padding = 0;
};

struct VirtioGpuRespEdid {
  VirtioGpuCtrlHdr hdr = {};
  u32 size = 0;
  u32 padding = 0;
  u8 edid[1024] = {};
};
static_assert(sizeof(VirtioGpuRespEdid) == 24 + 8 + 1024);

// What follows the header of the commands.
struct VirtioGpuResourceCreate2d {
  u32 resource_id = 0;
  u32 format = 0;
  u32 width = 0, height = 0;
};
/// RESOURCE_UNREF and RESOURCE_DETACH_BACKING.
struct VirtioGpuResourceId {
  u32 resource_id = 0;
  u32 padding = 0;
};
struct VirtioGpuSetScanout {
  VirtioGpuRect r = {};
  u32 scanout_id = 0;
  u32 resource_id = 0;
};
struct VirtioGpuResourceFlush {
  VirtioGpuRect r = {};
  u32 resource_id = 0;
  u32 padding = 0;
};
struct VirtioGpuTransferToHost2d {
  VirtioGpuRect r = {};
  u64 offset = 0;
  u32 resource_id = 0;
  u32 padding = 0;
};
struct VirtioGpuResourceAttachBacking {
  u32 resource_id = 0;
  u32 nr_entries = 0;
};
/// struct virtio_gpu_mem_entry, nr_entries of which follow RESOURCE_ATTACH_BACKING.
struct VirtioGpuMemEntry {
  u64 addr = 0;
  u32 length = 0;
  u32 padding = 0;
};
static_assert(sizeof(VirtioGpuMemEntry) == 16);

/// UPDATE_CURSOR and MOVE_CURSOR.
struct VirtioGpuUpdateCursor {
  u32 scanout_id = 0;
  u32 x = 0, y = 0;
  u32 pos_padding = 0;
  u32 resource_id = 0;
  u32 hot_x = 0, hot_y = 0;
  u32 padding = 0;
};
static_assert(sizeof(VirtioGpuUpdateCursor) == 32);

}  // namespace quince::hw

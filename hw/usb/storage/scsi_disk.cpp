// Commands that move blocks, and the state of the unit.  See scsi_disk.h.
#include "hw/usb/storage/scsi_disk.h"

#include <algorithm>
#include <bit>

#include "base/bits.h"

namespace quince::hw {

using namespace scsi;

namespace {

constexpr u32 kMinBlock = 512, kMaxBlock = 4096, kMaxPhysical = 64 * KiB;

bool power_of_two(u32 n, u32 least, u32 most) {
  return n >= least && n <= most && std::has_single_bit(n);
}

/// Where a command has its address and length, by the group of its operation code (SPC-4, 4.2.5).
struct Range {
  u64 lba = 0, count = 0;
};
Range range_of(std::span<const u8, ScsiDisk::kCdb> cdb) {
  switch (cdb[0] >> 5) {
    case 0: {
      // A length of 0 is 256 blocks (SBC-3, 5.10).
      const u64 count = cdb[4];
      return {load_be(cdb.subspan(1, 3)) & 0x1f'ffff, count == 0 ? 256 : count};
    }
    case 4:
      return {load_be(cdb.subspan(2, 8)), load_be(cdb.subspan(10, 4))};
    case 5:
      return {load_be(cdb.subspan(2, 4)), load_be(cdb.subspan(6, 4))};
    default:
      return {load_be(cdb.subspan(2, 4)), load_be(cdb.subspan(7, 2))};
  }
}

}  // namespace

Result<void> ScsiDiskConfig::check() const {
  if (!power_of_two(logical_block, kMinBlock, kMaxBlock))
    return quince::fail("logical_block_size: must be a power of two from {} to {}", kMinBlock,
                        kMaxBlock);
  if (!power_of_two(physical_block, kMinBlock, kMaxPhysical))
    return quince::fail("physical_block_size: must be a power of two from {} to {}", kMinBlock,
                        kMaxPhysical);
  if (physical_block < logical_block)
    return quince::fail("physical_block_size: must not be below logical_block_size");
  if (serial.size() > kMaxSerial)
    return quince::fail("serial: must have at most {} characters", kMaxSerial);
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (!std::all_of(serial.begin(), serial.end(), printable))
    return quince::fail("serial: must be printable ASCII");
  return {};
}

void ScsiTask::snapshot(Archive& ar) {
  ar.field("action", action);
  ar.field("flush", flush);
  ar.field("good", good);
  ar.field("offset", offset);
  ar.field("length", length);
  if (action > Action::Verify) {
    ar.refuse("action", "out of range");
    *this = {};
  }
}

void ScsiDisk::snapshot(Archive& ar) {
  ar.field("sense", s_.sense);
  ar.field("attention", s_.attention);
  ar.field("ejected", s_.ejected);
  ar.field("stopped", s_.stopped);
  ar.field("prevented", s_.prevented);
  if (s_.sense > kLastSense) ar.refuse("sense", "out of range");
  if (s_.attention > kLastSense) ar.refuse("attention", "out of range");
  if (!config_.removable && (s_.ejected || s_.prevented))
    ar.refuse("ejected", "the disk is not removable");
}

Sense ScsiDisk::sense_of(block::Status status, bool writing) {
  switch (status) {
    case std::errc::invalid_argument:
      return kLbaOutOfRange;
    case std::errc::read_only_file_system:
      return kWriteProtected;
    case std::errc::no_space_on_device:
      return kSpaceExhausted;
    default:
      return writing ? kWriteError : kReadError;
  }
}

ScsiTask ScsiDisk::bad(Sense sense) {
  ScsiTask t;
  fail(t, sense);
  return t;
}

bool ScsiDisk::ready() {
  if (s_.ejected || blocks() == 0)
    s_.sense = kNoMedium;
  else if (s_.stopped)
    s_.sense = kNotReadyStopped;
  return s_.sense == kNoSense;
}

ScsiTask ScsiDisk::execute(Cdb cdb, unsigned lun, std::vector<u8>& reply) {
  reply.clear();
  const u8 op = cdb[0];
  // These say what they can whatever state the unit is in, and leave unit attention alone.
  if (op == INQUIRY) return inquiry(cdb, lun, reply);
  if (op == REQUEST_SENSE) return request_sense(cdb, lun, reply);
  s_.sense = kNoSense;
  if (op == REPORT_LUNS) return report_luns(cdb, reply);
  if (lun != 0) return bad(kNoSuchUnit);
  if (s_.attention != kNoSense) return bad(std::exchange(s_.attention, kNoSense));
  switch (op) {
    case TEST_UNIT_READY:
      return ready() ? ScsiTask{} : bad(s_.sense);
    case READ_6:
    case READ_10:
    case READ_12:
    case READ_16:
      return read_or_write(cdb, ScsiTask::Action::Read);
    case WRITE_6:
    case WRITE_10:
    case WRITE_12:
    case WRITE_16:
      return read_or_write(cdb, ScsiTask::Action::Write);
    case VERIFY_10:
    case VERIFY_12:
    case VERIFY_16:
      return verify(cdb);
    case SYNCHRONIZE_CACHE_10:
    case SYNCHRONIZE_CACHE_16:
      return synchronize_cache(cdb);
    case START_STOP_UNIT:
      return start_stop(cdb);
    case PREVENT_ALLOW_MEDIUM_REMOVAL:
      return prevent_removal(cdb);
    case MODE_SENSE_6:
    case MODE_SENSE_10:
      return mode_sense(cdb, reply);
    case READ_CAPACITY_10:
      return read_capacity_10(cdb, reply);
    case SERVICE_ACTION_IN_16:
      return service_action_in(cdb, reply);
    case READ_FORMAT_CAPACITIES:
      return read_format_capacities(cdb, reply);
    default:
      return bad(kInvalidOpcode);
  }
}

// ---- Blocks ------------------------------------------------------------------------------------

ScsiTask ScsiDisk::range(Cdb cdb, ScsiTask::Action action) {
  const Range r = range_of(cdb);
  if (r.lba > blocks() || r.count > blocks() - r.lba) return bad(kLbaOutOfRange);
  ScsiTask t;
  t.offset = r.lba * config_.logical_block;
  t.length = r.count * config_.logical_block;
  if (t.length != 0) t.action = action;
  return t;
}

ScsiTask ScsiDisk::read_or_write(Cdb cdb, ScsiTask::Action action) {
  // Byte 1 of the longer forms: RDPROTECT or WRPROTECT, DPO, FUA.
  const bool six = cdb[0] >> 5 == 0;
  if (!six && cdb[1] >> 5 != 0) return bad(kInvalidField);
  if (!ready()) return bad(s_.sense);
  const bool write = action == ScsiTask::Action::Write;
  if (write && disk_.read_only()) return bad(kWriteProtected);
  ScsiTask t = range(cdb, action);
  t.flush = t.good && write && !six && bit(cdb[1], 3);
  return t;
}

ScsiTask ScsiDisk::verify(Cdb cdb) {
  constexpr unsigned kMedium = 0, kData = 1;
  const unsigned bytchk = (cdb[1] >> 1) & 3;
  if (cdb[1] >> 5 != 0 || bytchk > kData) return bad(kInvalidField);
  if (!ready()) return bad(s_.sense);
  return range(cdb, bytchk == kMedium ? ScsiTask::Action::Verify : ScsiTask::Action::Compare);
}

ScsiTask ScsiDisk::synchronize_cache(Cdb cdb) {
  if (!ready()) return bad(s_.sense);
  ScsiTask t = range(cdb, ScsiTask::Action::None);
  t.length = 0;
  t.flush = t.good && !disk_.read_only();
  return t;
}

/// SBC-3, 5.25: START and LOEJ, or a power condition, of which only stopped ones matter.
ScsiTask ScsiDisk::start_stop(Cdb cdb) {
  constexpr u8 kStartValid = 0, kActive = 1;
  const bool start = bit(cdb[4], 0), loej = bit(cdb[4], 1), no_flush = bit(cdb[4], 2);
  const u8 power = cdb[4] >> 4;
  ScsiTask t;
  if (power == kActive) s_.stopped = false;
  if (power != kStartValid) return t;
  if (loej && !config_.removable) return bad(kInvalidField);
  if (loej && !start && s_.prevented) return bad(kRemovalPrevented);
  if (loej && start && s_.ejected) s_.attention = kMediumChanged;
  if (loej) s_.ejected = !start;
  s_.stopped = !start && !loej;
  t.flush = !start && !no_flush && !disk_.read_only();
  return t;
}

ScsiTask ScsiDisk::prevent_removal(Cdb cdb) {
  if (!config_.removable) return bad(kInvalidOpcode);
  if ((cdb[4] & 3) > 1) return bad(kInvalidField);
  s_.prevented = bit(cdb[4], 0);
  return {};
}

}  // namespace quince::hw

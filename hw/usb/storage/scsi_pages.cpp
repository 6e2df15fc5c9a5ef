// Commands that say something of the unit: identification, capacity, modes, sense data.  See
// scsi_disk.h.
#include <algorithm>
#include <bit>

#include "base/bits.h"
#include "hw/usb/storage/scsi_disk.h"

namespace quince::hw {

using namespace scsi;

namespace {

constexpr u8 kNoUnit = 0x7f;  // peripheral qualifier 3, device type 1Fh
constexpr std::string_view kVendor = "QUINCE  ", kProduct = "QUINCE HARDDISK ", kRevision = "1.0 ";
constexpr u8 kFixedSense = 0x70, kDescriptorSense = 0x72;

void append(std::vector<u8>& to, std::string_view text) {
  to.insert(to.end(), text.begin(), text.end());
}

/// A page of modes, without its header.  Fields that are not listed are 0.
struct ModePage {
  u8 code, length;
};
constexpr ModePage kErrorRecovery{0x01, 0x0a}, kCaching{0x08, 0x12}, kControl{0x0a, 0x0a};
constexpr u8 kAllPages = 0x3f, kAllSubpages = 0xff;
constexpr u8 kWce = 1 << 2;  // of the caching page: there is a write cache

void append_page(std::vector<u8>& to, const ModePage& p, bool changeable) {
  const std::size_t at = to.size();
  to.resize(at + 2u + p.length);
  to[at] = p.code;
  to[at + 1] = p.length;
  if (p.code == kCaching.code && !changeable) to[at + 2] = kWce;
}

}  // namespace

ScsiTask ScsiDisk::answer(std::vector<u8>& reply, u64 allocation) const {
  if (reply.size() > allocation) reply.resize(allocation);
  ScsiTask t;
  t.length = reply.size();
  if (t.length != 0) t.action = ScsiTask::Action::Reply;
  return t;
}

// ---- INQUIRY (SPC-4, 6.4 and 7.8) --------------------------------------------------------------

ScsiTask ScsiDisk::inquiry(Cdb cdb, unsigned lun, std::vector<u8>& reply) {
  const u64 allocation = load_be(cdb.subspan(3, 2));
  const bool evpd = bit(cdb[1], 0);
  s_.sense = kNoSense;
  if (lun == 0 && evpd) return vital_product_data(cdb, reply);
  if (evpd || cdb[2] != 0) return bad(kInvalidField);
  constexpr u8 kSpc3 = 5, kFormat = 2, kAdditional = 31;
  reply = {lun == 0 ? u8{0} : kNoUnit,
           config_.removable ? u8{0x80} : u8{0},
           kSpc3,
           kFormat,
           kAdditional,
           0,
           0,
           0};
  append(reply, kVendor);
  append(reply, kProduct);
  append(reply, kRevision);
  return answer(reply, allocation);
}

ScsiTask ScsiDisk::vital_product_data(Cdb cdb, std::vector<u8>& reply) {
  constexpr u8 kSupported = 0x00, kSerial = 0x80, kIdentification = 0x83, kLimits = 0xb0,
               kCharacteristics = 0xb1;
  const u8 page = cdb[2];
  reply = {0, page, 0, 0};
  switch (page) {
    case kSupported:
      reply.insert(reply.end(), {kSupported, kSerial, kIdentification, kLimits, kCharacteristics});
      break;
    case kSerial:
      append(reply, config_.serial);
      break;
    case kIdentification: {
      // One designator: ASCII, of the T10 vendor kind, of the logical unit.
      const std::size_t length = kVendor.size() + config_.serial.size();
      reply.insert(reply.end(), {2, 1, 0, static_cast<u8>(length)});
      append(reply, kVendor);
      append(reply, config_.serial);
      break;
    }
    case kLimits:
      reply.resize(4 + 0x3c);
      break;
    case kCharacteristics:
      reply.resize(4 + 0x3c);
      reply[5] = 1;  // medium rotation rate: it does not rotate
      break;
    default:
      reply.clear();
      return bad(kInvalidField);
  }
  store_be(std::span(reply).subspan(2, 2), reply.size() - 4);
  return answer(reply, load_be(cdb.subspan(3, 2)));
}

ScsiTask ScsiDisk::report_luns(Cdb cdb, std::vector<u8>& reply) {
  const u64 allocation = load_be(cdb.subspan(6, 4));
  constexpr u64 kLeast = 16;
  if (cdb[2] > 2 || allocation < kLeast) return bad(kInvalidField);
  constexpr u8 kWellKnownOnly = 1;
  reply.resize(cdb[2] == kWellKnownOnly ? 8 : 16);
  reply[3] = static_cast<u8>(reply.size() - 8);
  return answer(reply, allocation);
}

// ---- Sense data (SPC-4, 4.5) -------------------------------------------------------------------

ScsiTask ScsiDisk::request_sense(Cdb cdb, unsigned lun, std::vector<u8>& reply) {
  Sense sense = std::exchange(s_.sense, kNoSense);
  if (lun != 0)
    sense = kNoSuchUnit;
  else if (sense == kNoSense)
    sense = std::exchange(s_.attention, kNoSense);
  const u8 key = static_cast<u8>(sense >> 16), code = static_cast<u8>(sense >> 8),
           qualifier = static_cast<u8>(sense);
  if (bit(cdb[1], 0)) {
    reply = {kDescriptorSense, key, code, qualifier, 0, 0, 0, 0};
  } else {
    reply.resize(18);
    reply[0] = kFixedSense;
    reply[2] = key;
    reply[7] = static_cast<u8>(reply.size() - 8);
    reply[12] = code;
    reply[13] = qualifier;
  }
  return answer(reply, cdb[4]);
}

// ---- Capacity (SBC-3, 5.15 and 5.16; MMC-6, 6.24) ----------------------------------------------

ScsiTask ScsiDisk::read_capacity_10(Cdb, std::vector<u8>& reply) {
  if (!ready()) return bad(s_.sense);
  reply.resize(8);
  store_be(std::span(reply).first(4), std::min<u64>(blocks() - 1, 0xffff'ffff));
  store_be(std::span(reply).last(4), config_.logical_block);
  return answer(reply, reply.size());
}

ScsiTask ScsiDisk::service_action_in(Cdb cdb, std::vector<u8>& reply) {
  if ((cdb[1] & 0x1f) != kReadCapacity16) return bad(kInvalidField);
  if (!ready()) return bad(s_.sense);
  reply.resize(32);
  store_be(std::span(reply).first(8), blocks() - 1);
  store_be(std::span(reply).subspan(8, 4), config_.logical_block);
  reply[13] = static_cast<u8>(std::countr_zero(config_.physical_block / config_.logical_block));
  return answer(reply, load_be(cdb.subspan(10, 4)));
}

ScsiTask ScsiDisk::read_format_capacities(Cdb cdb, std::vector<u8>& reply) {
  constexpr u8 kFormatted = 2, kNoMediumThere = 3;
  const bool there = !s_.ejected && blocks() != 0;
  reply.resize(12);
  reply[3] = 8;
  store_be(std::span(reply).subspan(4, 4), std::min<u64>(blocks(), 0xffff'ffff));
  store_be(std::span(reply).subspan(9, 3), config_.logical_block);
  reply[8] = there ? kFormatted : kNoMediumThere;
  return answer(reply, load_be(cdb.subspan(7, 2)));
}

// ---- MODE SENSE (SPC-4, 6.11 and 7.5; SBC-3, 6.4) ----------------------------------------------

ScsiTask ScsiDisk::mode_sense(Cdb cdb, std::vector<u8>& reply) {
  constexpr u8 kChangeable = 1, kSaved = 3;
  constexpr u8 kWriteProtect = 0x80, kDpofua = 0x10;
  const bool ten = cdb[0] == MODE_SENSE_10, no_descriptor = bit(cdb[1], 3);
  const u8 control = cdb[2] >> 6, page = cdb[2] & 0x3f, subpage = cdb[3];
  if (control == kSaved) return bad(kSavingUnsupported);
  if (subpage != 0 && subpage != kAllSubpages) return bad(kInvalidField);
  reply.resize(ten ? 8 : 4);
  reply[ten ? 3 : 2] = static_cast<u8>((disk_.read_only() ? kWriteProtect : 0) | kDpofua);
  const bool medium = !s_.ejected && blocks() != 0;
  if (!no_descriptor && medium) {
    constexpr u8 kDescriptor = 8;
    reply[ten ? 7 : 3] = kDescriptor;
    const std::size_t at = reply.size();
    reply.resize(at + kDescriptor);
    // A number of blocks that does not fit is all ones.
    store_be(std::span(reply).subspan(at, 4), std::min<u64>(blocks(), 0xffff'ffff));
    store_be(std::span(reply).subspan(at + 5, 3), config_.logical_block);
  }
  bool found = page == kAllPages;
  for (const ModePage& p : {kErrorRecovery, kCaching, kControl}) {
    if (page != kAllPages && page != p.code) continue;
    append_page(reply, p, control == kChangeable);
    found = true;
  }
  if (!found) {
    reply.clear();
    return bad(kInvalidField);
  }
  const std::size_t length_bytes = ten ? 2 : 1;
  store_be(std::span(reply).first(length_bytes), reply.size() - length_bytes);
  return answer(reply, ten ? load_be(cdb.subspan(7, 2)) : cdb[4]);
}

}  // namespace quince::hw

#include "hw/usb/storage/usb_storage.h"

#include <algorithm>
#include <utility>

namespace quince::hw {

namespace {

using Action = ScsiTask::Action;
using block::Op;

// Bulk-Only Transport 1.0, section 3: requests of the class.
enum Request : u16 { kGetMaxLun = 0xa1fe, kMassStorageReset = 0x21ff };

// Section 5: the wrappers.
constexpr u32 kCbwSignature = 0x4342'5355, kCswSignature = 0x5342'5355;
constexpr u32 kCbwLength = 31, kCswLength = 13;
constexpr u8 kCbwReserved = 0xf0;

constexpr u8 kClassStorage = 8, kScsi = 6, kBulkOnly = 0x50;

constexpr UsbEndpointTable bulk(u8 address, u16 size, u8 burst = 0) {
  return {.address = address, .attributes = kUsbBulk, .max_packet = size, .max_burst = burst};
}
constexpr UsbEndpointTable kFullEndpoints[] = {bulk(UsbStorage::kIn, 64),
                                               bulk(UsbStorage::kOut, 64)};
constexpr UsbEndpointTable kHighEndpoints[] = {bulk(UsbStorage::kIn, 512),
                                               bulk(UsbStorage::kOut, 512)};
constexpr UsbEndpointTable kSuperEndpoints[] = {bulk(UsbStorage::kIn, 1024, 15),
                                                bulk(UsbStorage::kOut, 1024, 15)};
constexpr UsbInterfaceTable interface(std::span<const UsbEndpointTable> endpoints) {
  return {.class_code = kClassStorage,
          .subclass = kScsi,
          .protocol = kBulkOnly,
          .endpoints = endpoints};
}
constexpr UsbInterfaceTable kFullInterface[] = {interface(kFullEndpoints)};
constexpr UsbInterfaceTable kHighInterface[] = {interface(kHighEndpoints)};
constexpr UsbInterfaceTable kSuperInterface[] = {interface(kSuperEndpoints)};
constexpr UsbConfigurationTable kFullConfiguration[] = {
    {.attributes = kUsbSelfPowered, .interfaces = kFullInterface}};
constexpr UsbConfigurationTable kHighConfiguration[] = {
    {.attributes = kUsbSelfPowered, .interfaces = kHighInterface}};
constexpr UsbConfigurationTable kSuperConfiguration[] = {
    {.attributes = kUsbSelfPowered, .interfaces = kSuperInterface}};
constexpr UsbPersonality kFull{
    .bcd_usb = 0x200, .max_packet0 = 8, .configurations = kFullConfiguration};
constexpr UsbPersonality kHigh{
    .bcd_usb = 0x200, .max_packet0 = 64, .configurations = kHighConfiguration};
constexpr UsbPersonality kSuper{
    .bcd_usb = 0x300, .max_packet0 = 9, .configurations = kSuperConfiguration};
constexpr std::string_view kStrings[] = {"Quince", "Quince USB HARDDRIVE", "1"};
constexpr UsbTable kTable{.vendor = 0x46f4,
                          .product = 1,
                          .full = &kFull,
                          .high = &kHigh,
                          .super = &kSuper,
                          .strings = kStrings,
                          .manufacturer = 1,
                          .product_name = 2,
                          .serial = 3};

/// Whether an action leaves something to be written.
bool writes(Action a) { return a == Action::Write || a == Action::None; }

}  // namespace

UsbStorage::UsbStorage(std::string_view name, const ScsiDiskConfig& config, block::Disk& disk)
    : UsbDescribedDevice(name, kTable, config.serial), scsi_(config, disk) {
  work_.request.context = this;
}

UsbStorage::~UsbStorage() { abandon(); }

// ---- State -------------------------------------------------------------------------------------

void UsbStorage::reset() {
  scsi_.reset();
  UsbDescribedDevice::reset();
}

void UsbStorage::usb_reset() {
  UsbDescribedDevice::usb_reset();
  scsi_.hard_reset();
  forget();
  waiting_ = {};
}

/// The transport begins anew.
void UsbStorage::forget() {
  abandon();
  s_ = {};
  task_ = {};
  reply_.clear();
}

/// Takes work back: waits until the disk has done what it was asked.
void UsbStorage::abandon() {
  if (work_.packet == nullptr) return;
  work_.dropped = true;
  scsi_.disk().drain();
  work_.dropped = false;
  work_.packet = nullptr;
}

/// The host makes the transport begin anew.  A transfer that waited for the disk has lost its
/// command.
void UsbStorage::break_off() {
  UsbPacket* const waiting = work_.packet;
  forget();
  if (waiting != nullptr) waiting->complete(UsbStatus::TransactionError);
}

void UsbStorage::cancel(UsbPacket& packet) {
  if (work_.packet == &packet) abandon();
}

void UsbStorage::snapshot(Archive& ar) {
  UsbDescribedDevice::snapshot(ar);
  ar.section("scsi", [&](Archive& a) { scsi_.snapshot(a); });
  ar.section("task", [&](Archive& a) { task_.snapshot(a); });
  ar.blob("reply", reply_, ScsiDisk::kMaxReply);
  ar.field("phase", s_.phase);
  ar.field("csw", s_.csw);
  ar.field("invalid", s_.invalid);
  ar.field("waiting_in", waiting_.in);
  ar.field("waiting_out", waiting_.out);
  ar.field("to_host", s_.to_host);
  ar.field("tag", s_.tag);
  ar.field("expected", s_.expected);
  ar.field("moved", s_.moved);
  ar.field("done", s_.done);
  if (!ar.loading()) return;
  work_.packet = nullptr;
  const bool replies = task_.action == Action::Reply;
  const bool sane = s_.phase <= Phase::Status && s_.csw <= Csw::PhaseError &&
                    s_.moved <= s_.expected && s_.done <= s_.moved &&
                    s_.done <= task_.data_length() && (!replies || task_.length == reply_.size());
  if (sane) return;
  ar.refuse("phase", "the state of a command is out of range");
  s_ = {};
  task_ = {};
}

// ---- Requests ----------------------------------------------------------------------------------

UsbStatus UsbStorage::class_request(const UsbSetup& s, std::span<const u8>, UsbReply& reply) {
  if (s.wValue != 0 || s.wIndex != 0 || configuration() == 0) return UsbStatus::Stall;
  if (s.request() == kGetMaxLun) {
    reply = {0};
    return UsbStatus::Ok;
  }
  if (s.request() != kMassStorageReset) return UsbStatus::Stall;
  break_off();
  return UsbStatus::Ok;
}

/// Until the host has reset the transport the endpoints stay halted (6.6.1).
void UsbStorage::halt_cleared(u8 endpoint) {
  if (s_.invalid) halt(endpoint);
}

// ---- Transfers ---------------------------------------------------------------------------------

UsbStatus UsbStorage::transfer(UsbPacket& packet) {
  const bool in = packet.in();
  const UsbStatus result = serve(packet);
  if (result == UsbStatus::Nak)
    (in ? waiting_.in : waiting_.out) = true;
  else if (result != UsbStatus::Pending)
    served(in);
  return result;
}

UsbStatus UsbStorage::serve(UsbPacket& packet) {
  // The disk works for a transfer of the other endpoint.
  if (work_.packet != nullptr) return UsbStatus::Nak;
  return packet.in() ? serve_in(packet) : serve_out(packet);
}

/// After a transfer of one endpoint: the other one may have something for the host now.
void UsbStorage::served(bool in) {
  if (!std::exchange(in ? waiting_.out : waiting_.in, false)) return;
  notify(in ? kOut : kIn);
}

UsbStatus UsbStorage::serve_in(UsbPacket& packet) {
  if (s_.phase == Phase::Status) return status(packet);
  if (s_.phase == Phase::Command || !s_.to_host) return UsbStatus::Nak;
  if (s_.phase == Phase::Data) return data_in(packet);
  s_.phase = Phase::Status;
  return UsbStatus::Stall;
}

UsbStatus UsbStorage::serve_out(UsbPacket& packet) {
  if (s_.phase == Phase::Command) return command(packet);
  // Not what the host should send now.
  if (s_.phase == Phase::Status || s_.to_host) return UsbStatus::Stall;
  if (s_.phase == Phase::Data) return data_out(packet);
  s_.phase = Phase::Status;
  return UsbStatus::Stall;
}

/// The Command Block Wrapper (5.1); what is valid and meaningful is said in 6.2.
UsbStatus UsbStorage::command(UsbPacket& packet) {
  std::array<u8, kCbwLength> cbw;
  if (packet.length() != kCbwLength) return refuse_wrapper();
  packet.read(cbw);
  const u8 flags = cbw[12], lun = cbw[13], length = cbw[14];
  if (packet.failed() || load_le<u32>(&cbw[0]) != kCbwSignature || (lun & kCbwReserved) != 0 ||
      length == 0 || length > ScsiDisk::kCdb)
    return refuse_wrapper();
  s_ = {.to_host = bit(flags, 7), .tag = load_le<u32>(&cbw[4]), .expected = load_le<u32>(&cbw[8])};
  std::array<u8, ScsiDisk::kCdb> cdb{};
  std::copy_n(cbw.begin() + 15, length, cdb.begin());
  task_ = scsi_.execute(cdb, lun, reply_);
  choose_phase();
  return UsbStatus::Ok;
}

UsbStatus UsbStorage::refuse_wrapper() {
  s_.invalid = true;
  halt(kIn);
  return UsbStatus::Stall;
}

/// The thirteen cases (6.7): what the host expects against what the device intends.
void UsbStorage::choose_phase() {
  const u64 intended = task_.good ? task_.data_length() : 0;
  const bool right_way = intended == 0 || task_.to_host() == s_.to_host;
  if (!task_.good) s_.csw = Csw::Failed;
  if (s_.expected < intended || (s_.expected != 0 && !right_way)) {
    s_.csw = Csw::PhaseError;
    task_ = {};
  }
  if (s_.expected == 0)
    s_.phase = Phase::Status;
  else
    s_.phase = intended == 0 || s_.csw != Csw::Passed ? Phase::Stall : Phase::Data;
}

UsbStatus UsbStorage::data_in(UsbPacket& packet) {
  const u64 left = task_.length - s_.done;
  const u64 n = std::min<u64>(left, packet.length());
  if (n == 0) return UsbStatus::Ok;
  if (task_.action == Action::Read) return begin(packet, Action::Read, task_.offset + s_.done, n);
  packet.write(std::span(reply_).subspan(s_.done, n));
  return sent(packet);
}

/// A transfer to the host was filled.
UsbStatus UsbStorage::sent(UsbPacket& packet) {
  s_.done += packet.moved();
  s_.moved = s_.done;
  if (s_.done < task_.length) return UsbStatus::Ok;
  // A short packet says that there is no more; when there is none, a stall does.
  const bool whole = s_.moved == s_.expected || packet.left() != 0;
  s_.phase = whole ? Phase::Status : Phase::Stall;
  return UsbStatus::Ok;
}

UsbStatus UsbStorage::data_out(UsbPacket& packet) {
  const u64 left = s_.csw == Csw::Passed ? task_.length - s_.done : 0;
  const u64 n = std::min<u64>(left, packet.length());
  if (n != 0) return begin(packet, task_.action, task_.offset + s_.done, n);
  return received(packet);
}

/// A transfer from the host has ended, as far as the command has a use for it.
UsbStatus UsbStorage::received(UsbPacket& packet) {
  drop(packet);
  s_.moved = static_cast<u32>(std::min<u64>(u64{s_.moved} + packet.moved(), s_.expected));
  if (s_.moved == s_.expected) s_.phase = Phase::Status;
  return UsbStatus::Ok;
}

/// Takes what is left of a transfer from the host.
void UsbStorage::drop(UsbPacket& packet) {
  std::array<u8, 4096> nowhere;
  while (packet.left() != 0) packet.read(nowhere);
}

void UsbStorage::fail(scsi::Sense sense) {
  scsi_.fail(task_, sense);
  s_.csw = Csw::Failed;
}

/// The host asks for the status: what has no data is done now.
UsbStatus UsbStorage::status(UsbPacket& packet) {
  if (s_.csw == Csw::Passed && task_.action == Action::Verify)
    return begin(packet, Action::Verify, task_.offset, task_.length);
  if (s_.csw == Csw::Passed && task_.flush) return begin(packet, Action::None, 0, 0);
  return send_status(packet);
}

/// The Command Status Wrapper (5.2).
UsbStatus UsbStorage::send_status(UsbPacket& packet) {
  std::array<u8, kCswLength> csw;
  store_le<u32>(&csw[0], kCswSignature);
  store_le<u32>(&csw[4], s_.tag);
  store_le<u32>(&csw[8], s_.expected - s_.done);
  csw[12] = static_cast<u8>(s_.csw);
  packet.write(csw);
  s_ = {};
  task_ = {};
  reply_.clear();
  return UsbStatus::Ok;
}

// ---- Work of the disk --------------------------------------------------------------------------

UsbStatus UsbStorage::begin(UsbPacket& packet, Action action, u64 at, u64 left) {
  work_.packet = &packet;
  work_.action = action;
  work_.at = at;
  work_.left = left;
  if (action == Action::None) {
    submit(Op::Flush, 0);
    return UsbStatus::Pending;
  }
  if (next_chunk()) return UsbStatus::Pending;
  work_.packet = nullptr;
  return received(packet);
}

/// Gives the disk the next piece.  False when the host's data cannot be read.
bool UsbStorage::next_chunk() {
  const u64 n = std::min<u64>(work_.left, kChunk);
  work_.data.resize(std::max<std::size_t>(work_.data.size(), n));
  const bool from_host = work_.action == Action::Write || work_.action == Action::Compare;
  if (from_host) {
    work_.packet->read(std::span(work_.data).first(n));
    if (work_.packet->failed()) {
      fail(scsi::kDataPhaseError);
      return false;
    }
  }
  if (work_.action == Action::Compare) {
    work_.other.resize(std::max<std::size_t>(work_.other.size(), n));
    work_.part = {work_.other.data(), n};
  } else {
    work_.part = {work_.data.data(), n};
  }
  submit(work_.action == Action::Write ? Op::Write : Op::Read, n);
  return true;
}

void UsbStorage::submit(Op op, u64 length) {
  work_.request = {.op = op,
                   .offset = op == Op::Flush ? 0 : work_.at,
                   .length = length,
                   .parts = op == Op::Flush ? std::span<const iovec>() : std::span(&work_.part, 1),
                   .done = &UsbStorage::done,
                   .context = this};
  scsi_.disk().submit(work_.request);
}

void UsbStorage::done(block::Request& request, block::Status status) {
  static_cast<UsbStorage*>(request.context)->chunk_done(status);
}

void UsbStorage::chunk_done(block::Status status) {
  if (work_.dropped) return;
  UsbPacket& packet = *work_.packet;
  const u64 n = work_.request.length;
  if (status != block::Status{}) {
    fail(ScsiDisk::sense_of(status, writes(work_.action)));
  } else if (work_.action == Action::Read) {
    packet.write(std::span(work_.data).first(n));
  } else if (work_.action == Action::Compare &&
             !std::equal(work_.data.begin(), work_.data.begin() + static_cast<long>(n),
                         work_.other.begin())) {
    fail(scsi::kMiscompare);
  }
  work_.at += n;
  work_.left -= n;
  if (s_.csw == Csw::Passed && work_.left != 0 && next_chunk()) return;
  const UsbStatus result = ended();
  if (result == UsbStatus::Pending) return;
  if (result == UsbStatus::Stall) halt(packet.address());
  served(packet.in());
  packet.complete(result);
}

/// The disk has done what a transfer waited for.
UsbStatus UsbStorage::ended() {
  UsbPacket& packet = *work_.packet;
  const bool good = s_.csw == Csw::Passed;
  const Action action = work_.action;
  work_.packet = nullptr;
  switch (action) {
    case Action::Read:
      if (good) return sent(packet);
      s_.moved += packet.moved();
      s_.done = s_.moved;
      s_.phase = Phase::Status;
      return UsbStatus::Stall;
    case Action::Write:
    case Action::Compare:
      // A part that failed does not count.
      if (good) s_.done += packet.moved();
      return received(packet);
    default:
      if (action == Action::Verify) task_.action = Action::None;
      if (action == Action::None) task_.flush = false;
      return status(packet);
  }
}

}  // namespace quince::hw

#include "hw/vmapple/aes.h"

#include <fmt/format.h>
#include <nettle/aes.h>
#include <nettle/cbc.h>

#include <algorithm>
#include <vector>

#include "hw/core/archive.h"

namespace quince::hw {

namespace {

enum class Opcode : u8 { Key = 1, Iv = 2, Data = 5, StoreIv = 6, Flag = 8 };

unsigned field(u32 word, unsigned hi, unsigned lo) {
  return static_cast<unsigned>(bits(word, hi, lo));
}

// Of the KEY command.
constexpr unsigned kBuiltInKeys = 3, kBuiltInBytes = 32;
unsigned key_select(u32 command) { return field(command, 26, 24); }
/// What the length field says, in bytes; 0 for one that there is no cipher for.
unsigned key_length(u32 command) {
  constexpr std::array<u8, 4> kLengths = {16, 24, 32, 0};
  return kLengths[field(command, 23, 22)];
}
unsigned key_mode(u32 command) { return field(command, 17, 16); }

// The context fields, which have the same places in every command that has them.
unsigned key_context(u32 command) { return field(command, 27, 27); }
unsigned iv_context(u32 command) { return field(command, 27, 26); }
unsigned iv_context_of_data(u32 command) { return field(command, 26, 25); }

}  // namespace

// clang-format off
constexpr std::array<Reg<VmappleAes>, 7> VmappleAes::kRegs{{
    {{.offset = 0x00c, .name = "STATUS",     .access = 4 | 8}, Op::constant<0x3f80>, Op::ignore},
    {{.offset = 0x018, .name = "IRQ_STATUS", .access = 4 | 8}, Op::get<&State::irq_status>, Op::w1c<&State::irq_status>},
    {{.offset = 0x01c, .name = "IRQ_ENABLE", .access = 4 | 8}, Op::get<&State::irq_enable>, Op::set<&State::irq_enable>},
    {{.offset = 0x020, .name = "WATERMARK",  .access = 4 | 8}, Op::constant<0>, Op::ignore},
    {{.offset = 0x024, .name = "Q_STATUS",   .access = 4 | 8}, Op::constant<2>, Op::ignore},
    {{.offset = 0x030, .name = "FLAG_INFO",  .access = 4 | 8}, Op::get<&State::flag_info>, Op::ignore},
    {{.offset = 0x200, .name = "FIFO",       .access = 4 | 8}, Op::constant<0>, Op::set<&VmappleAes::push>},
}};
// clang-format on

std::span<const Reg<VmappleAes>> VmappleAes::regs() {
  static_assert(well_formed(kRegs));
  return kRegs;
}

VmappleAes::VmappleAes(std::string_view name, IrqLine irq, DmaPort dma, Log& log)
    : RegMapDevice(name), irq_(std::move(irq)), dma_(std::move(dma)), log_(log) {
  reset();
}

// ---- Registers ---------------------------------------------------------------------------------

/// Accesses of 8 bytes are two of 4, the low half first; where there is no register, reads are zero and
/// writes are ignored.
Bus VmappleAes::read(u64 off, Access a, u64& out) {
  if (a.size < 4) return Bus::BadSize;
  u64 value = 0;
  for (unsigned at = 0; at < a.size; at += 4) {
    u64 half = 0;
    if (reg_read(*this, regs(), off + at, {4, a.requester, a.debug}, half) == Bus::Ok)
      value |= half << (8 * at);
  }
  out = value;
  return Bus::Ok;
}

Bus VmappleAes::write(u64 off, Access a, u64 in) {
  if (a.size < 4) return Bus::BadSize;
  for (unsigned at = 0; at < a.size; at += 4)
    (void)reg_write(*this, regs(), off + at, {4, a.requester, a.debug},
                    bits(in, 8 * at + 31, 8 * at));
  return Bus::Ok;
}

void VmappleAes::sync() { irq_.set((s_.irq_status & s_.irq_enable) != 0); }

// ---- The FIFO ----------------------------------------------------------------------------------

/// Words behind the command that is first in the FIFO; nothing for a command that there is not.
std::optional<unsigned> VmappleAes::payload_words() const {
  const u32 command = word(0);
  switch (static_cast<Opcode>(bits(command, 31, 28))) {
    case Opcode::Key:
      return key_select(command) == 0 ? key_length(command) / 4 : 0;
    case Opcode::Iv:
      return kBlock / 4;
    case Opcode::Data:
      return 3;
    case Opcode::StoreIv:
      return 1;
    case Opcode::Flag:
      return 0;
  }
  return {};
}

void VmappleAes::push(u32 w) {
  s_.fifo[s_.fifo_words++] = w;
  const auto payload = payload_words();
  if (payload && s_.fifo_words <= *payload) return;
  s_.fifo_words = 0;
  if (payload && execute()) return;
  s_.irq_status |= kInvalidCommand;
  log_.guest_error("vmapple aes command", "{}: command {:#010x} cannot be done", name(), word(0));
}

bool VmappleAes::execute() {
  switch (static_cast<Opcode>(bits(word(0), 31, 28))) {
    case Opcode::Key:
      return set_key();
    case Opcode::Iv:
      copy_payload(s_.iv[iv_context(word(0))]);
      return true;
    case Opcode::Data:
      return data();
    case Opcode::StoreIv:
      return dma_.write(PhysAddr(bits(word(0), 7, 0) << 32 | word(1)), s_.iv[iv_context(word(0))]);
    case Opcode::Flag:
      flag();
      return true;
  }
  return false;
}

/// The payload's bytes, as they would be in memory.
void VmappleAes::copy_payload(std::span<u8> to) const {
  for (unsigned i = 0; i < to.size() / 4; ++i) store_le(&to[4 * i], word(1 + i));
}

// ---- Commands ----------------------------------------------------------------------------------

bool VmappleAes::set_key() {
  const u32 command = word(0), select = key_select(command), mode = key_mode(command);
  const u32 bytes = select == 0 ? key_length(command) : kBuiltInBytes;
  if (select > kBuiltInKeys || bytes == 0 || mode > 1) return false;
  const unsigned context = key_context(command);
  std::array<u8, kMaxKey>& key = s_.key[context];
  key = {};
  if (select == 0)
    copy_payload(std::span(key).first(bytes));
  else
    key[0] = static_cast<u8>(select);
  s_.key_bytes[context] = static_cast<u8>(bytes);
  s_.encrypts[context] = bit(command, 20);
  s_.mode[context] = static_cast<Mode>(mode);
  return true;
}

void VmappleAes::flag() {
  s_.flag_info = static_cast<u8>(word(0));
  if (bit(word(0), 27)) s_.irq_status |= kFlagCommand;
}

/// All of the source is read before the destination is written: they may overlap.
bool VmappleAes::data() {
  const u32 command = word(0), length = field(command, 23, 0);
  const unsigned key = key_context(command), iv = iv_context_of_data(command);
  const PhysAddr source(bits(word(1), 31, 16) << 32 | word(2));
  const PhysAddr destination(bits(word(1), 15, 0) << 32 | word(3));
  if (s_.key_bytes[key] == 0 || length % kBlock != 0) return false;
  std::vector<u8> bytes(length);  // less than 16 MiB
  if (!dma_.read(source, bytes)) return false;
  Block chained = s_.iv[iv];
  crypt(key, chained, bytes);
  if (!dma_.write(destination, bytes)) return false;
  s_.iv[iv] = chained;
  return true;
}

void VmappleAes::crypt(unsigned key, Block& iv, std::span<u8> bytes) const {
  const auto with = [&](auto context, auto set_encrypt, auto set_decrypt, auto encrypt,
                        auto decrypt) {
    const bool encrypts = s_.encrypts[key];
    (encrypts ? set_encrypt : set_decrypt)(&context, s_.key[key].data());
    const auto block = [](auto f) { return reinterpret_cast<nettle_cipher_func*>(f); };
    if (s_.mode[key] == Mode::Ecb)
      (encrypts ? encrypt : decrypt)(&context, bytes.size(), bytes.data(), bytes.data());
    else if (encrypts)
      nettle_cbc_encrypt(&context, block(encrypt), kBlock, iv.data(), bytes.size(), bytes.data(),
                         bytes.data());
    else
      nettle_cbc_decrypt(&context, block(decrypt), kBlock, iv.data(), bytes.size(), bytes.data(),
                         bytes.data());
  };
  switch (s_.key_bytes[key]) {
    case AES128_KEY_SIZE:
      return with(aes128_ctx{}, nettle_aes128_set_encrypt_key, nettle_aes128_set_decrypt_key,
                  nettle_aes128_encrypt, nettle_aes128_decrypt);
    case AES192_KEY_SIZE:
      return with(aes192_ctx{}, nettle_aes192_set_encrypt_key, nettle_aes192_set_decrypt_key,
                  nettle_aes192_encrypt, nettle_aes192_decrypt);
    default:
      return with(aes256_ctx{}, nettle_aes256_set_encrypt_key, nettle_aes256_set_decrypt_key,
                  nettle_aes256_encrypt, nettle_aes256_decrypt);
  }
}

// ---- Life --------------------------------------------------------------------------------------

void VmappleAes::reset() {
  s_ = {};
  restored();
}

void VmappleAes::restored() { sync(); }

void VmappleAes::snapshot(Archive& ar) {
  ar.field("fifo", s_.fifo);
  ar.field("fifo_words", s_.fifo_words);
  ar.field("irq_status", s_.irq_status);
  ar.field("irq_enable", s_.irq_enable);
  ar.field("flag_info", s_.flag_info);
  for (unsigned i = 0; i < kKeys; ++i)
    ar.section(fmt::format("key{}", i), [&](Archive& a) {
      a.field("bytes", s_.key[i]);
      a.field("length", s_.key_bytes[i]);
      a.field("encrypts", s_.encrypts[i]);
      a.field("mode", s_.mode[i]);
      const u8 n = s_.key_bytes[i];
      if (n != 0 && n != 16 && n != 24 && n != 32) a.refuse("length", "there is no such key");
    });
  for (unsigned i = 0; i < kIvs; ++i) ar.field(fmt::format("iv{}", i), s_.iv[i]);
  const auto payload = payload_words();
  if (s_.fifo_words != 0 && (!payload || s_.fifo_words > *payload))
    ar.refuse("fifo_words", "the command would have been done");
}

}  // namespace quince::hw

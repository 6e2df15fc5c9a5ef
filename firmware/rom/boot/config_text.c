#include "firmware/rom/boot/config_text.h"

#include "firmware/rom/lib/memory.h"

const char kNoMemory[] = "there is no memory for the boot entries";

static bool is_space(char c) { return c == ' ' || c == '\t'; }

void config_clean(char* text, u64 bytes) {
  for (u64 i = 0; i < bytes; ++i) {
    const u8 c = (u8)text[i], next = i + 1 < bytes ? (u8)text[i + 1] : 0;
    if ((c < ' ' && c != '\n') || c == 0x7f) text[i] = ' ';
    if (c == 0xc2 && next >= 0x80 && next < 0xa0) text[i] = text[i + 1] = ' ';
  }
}

const char* config_load(struct Volume* v, struct Arena* arena, const char* path,
                        struct ConfigText* text) {
  struct VolumeNode file;
  const char* why = volume_find(v, path, &file);
  if (why != 0) return why;
  if (file.kind != kVolumeFile) return "it is not a file";
  if (file.size > kMaxConfigBytes) return "its file is too large";
  char* const to = arena_take(arena, file.size + 1, 8);
  if (to == 0) return kNoMemory;
  why = volume_read(v, &file, 0, to, file.size);
  if (why != 0) return why;
  config_clean(to, file.size);
  text->at = to;
  text->end = to + file.size;
  *text->end = 0;
  // A mark of UTF-8 is no part of the first keyword.
  if (file.size >= 3 && mem_equal(to, "\xef\xbb\xbf", 3)) text->at += 3;
  return 0;
}

bool config_line(struct ConfigText* text, char** keyword, char** value) {
  while (text->at != text->end) {
    char* line = text->at;
    char* end = line;
    while (end != text->end && *end != '\n') ++end;
    text->at = end == text->end ? end : end + 1;
    while (line != end && is_space(*line)) ++line;
    while (end != line && is_space(end[-1])) --end;
    *end = 0;
    if (line == end || *line == '#') continue;
    *value = line;
    *keyword = config_word(value);
    return true;
  }
  return false;
}

char* config_word(char** rest) {
  char* const word = *rest;
  char* at = word;
  while (*at != 0 && !is_space(*at)) ++at;
  if (*at != 0) *at++ = 0;
  while (is_space(*at)) ++at;
  *rest = at;
  return word;
}

const char* config_join(struct Arena* arena, const char* a, const char* b, const char* c) {
  const u64 x = str_length(a), y = str_length(b), z = str_length(c);
  char* const to = arena_take(arena, x + y + z + 1, 8);
  if (to == 0) return 0;
  mem_copy(to, a, x);
  mem_copy(to + x, b, y);
  mem_copy(to + x + y, c, z + 1);
  return to;
}

void config_drop_variables(char* value) {
  char* to = value;
  const char* at = value;
  while (*at != 0) {
    const bool drop = *at == '$';
    for (; *at != 0 && !is_space(*at); ++at)
      if (!drop) *to++ = *at;
    for (; is_space(*at); ++at)
      if (!drop) *to++ = *at;
  }
  while (to != value && is_space(to[-1])) --to;
  *to = 0;
}

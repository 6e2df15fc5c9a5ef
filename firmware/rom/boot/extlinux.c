// extlinux.conf: one file with a label for each entry.
#include "firmware/rom/boot/config_text.h"
#include "firmware/rom/lib/memory.h"

/// What is known while the file is read.
struct Extlinux {
  struct Arena* arena;
  struct BootEntries* out;
  const char* folder;  ///< that paths without a slash in front begin in
  const char* append;  ///< options of entries that have none
  const char* chosen;  ///< the label of `default`
  const char* marked;  ///< the label with `menu default`
  // The label that lines are for.
  bool is_open;
  bool has_options, has_overlay;
  const char* why;  ///< why it is left out
  struct BootEntry e;
};

/// A path from the volume's root; 0: there is no memory.
static const char* full_path(struct Extlinux* x, const char* path) {
  return *path == '/' ? path : config_join(x->arena, x->folder, "/", path);
}

/// A whole number of at most eight digits; 0 for anything else.
static s32 number(const char* s) {
  s32 v = 0;
  if (str_length(s) > 8) return 0;
  for (; ascii_digit(*s); ++s) v = v * 10 + (*s - '0');
  return v;
}

/// Ends a label: it becomes an entry, or is left out.
static void end_label(struct Extlinux* x) {
  struct BootEntries* const out = x->out;
  if (!x->is_open) return;
  x->is_open = false;
  if (x->why == 0 && x->e.kernel == 0) x->why = "it names no kernel";
  if (x->why == 0 && x->has_overlay) x->why = "it has device tree overlays";
  if (x->why == 0 && out->count == kMaxEntries) x->why = "there are too many";
  if (x->why != 0) {
    entries_leave_out(out, x->why);
    return;
  }
  if (!x->has_options) x->e.options = x->append;
  if (x->e.title == 0 || *x->e.title == 0) x->e.title = x->e.id;
  out->list[out->count++] = x->e;
}

static void begin_label(struct Extlinux* x, const char* label) {
  end_label(x);
  mem_set(&x->e, 0, sizeof x->e);
  x->e.id = label;
  x->e.options = "";
  x->e.tries_left = x->e.tries_done = -1;
  x->is_open = true;
  x->has_options = x->has_overlay = false;
  x->why = 0;
}

/// Paths with commas between.
static const char* add_initrds(struct Extlinux* x, char* value) {
  struct BootEntry* const e = &x->e;
  while (*value != 0) {
    char* const path = value;
    while (*value != 0 && *value != ',') ++value;
    if (*value != 0) *value++ = 0;
    if (*path == 0) continue;
    if (e->initrd_count == kMaxInitrds) {
      x->why = "it has too many initial RAM disks";
      return 0;
    }
    const char* const full = full_path(x, path);
    if (full == 0) return kNoMemory;
    e->initrds[e->initrd_count++] = full;
  }
  return 0;
}

/// `menu label` may have a '^' before the letter that chooses it.
static void set_title(struct Extlinux* x, char* value) {
  char* to = value;
  for (const char* at = value; *at != 0; ++at)
    if (*at != '^') *to++ = *at;
  *to = 0;
  x->e.title = value;
}

static void menu_line(struct Extlinux* x, char* value) {
  const char* const word = config_word(&value);
  if (!x->is_open) return;
  if (str_equal_fold(word, "label")) set_title(x, value);
  if (str_equal_fold(word, "default")) x->marked = x->e.id;
}

static const char* label_line(struct Extlinux* x, const char* key, char* value) {
  struct BootEntry* const e = &x->e;
  if (str_equal_fold(key, "linux") || str_equal_fold(key, "kernel")) {
    e->kernel = *value == 0 ? 0 : full_path(x, value);
    if (*value != 0 && e->kernel == 0) return kNoMemory;
  } else if (str_equal_fold(key, "initrd")) {
    return add_initrds(x, value);
  } else if (str_equal_fold(key, "fdt") || str_equal_fold(key, "devicetree")) {
    e->devicetree = *value == 0 ? 0 : full_path(x, value);
    if (*value != 0 && e->devicetree == 0) return kNoMemory;
  } else if (str_equal_fold(key, "fdtoverlays") || str_equal_fold(key, "devicetree-overlay")) {
    x->has_overlay = *value != 0;
  }
  return 0;
}

static const char* line(struct Extlinux* x, const char* key, char* value) {
  if (str_equal_fold(key, "label")) {
    begin_label(x, value);
  } else if (str_equal_fold(key, "default")) {
    x->chosen = value;
  } else if (str_equal_fold(key, "timeout")) {
    x->out->timeout = number(value);
  } else if (str_equal_fold(key, "prompt")) {
    x->out->prompt = number(value) != 0;
  } else if (str_equal_fold(key, "append") || str_equal_fold(key, "options")) {
    // "-" is none, where there would be those of all entries.
    if (str_equal(value, "-")) *value = 0;
    if (!x->is_open) {
      x->append = value;
    } else {
      x->e.options = value;
      x->has_options = true;
    }
  } else if (str_equal_fold(key, "menu")) {
    menu_line(x, value);
  } else if (str_equal_fold(key, "include")) {
    entries_leave_out(x->out, "another file is included, which is not supported");
  } else if (x->is_open) {
    return label_line(x, key, value);
  }
  return 0;
}

static void choose_default(struct BootEntries* out, const char* label) {
  for (u32 i = 0; label != 0 && i < out->count; ++i)
    if (str_equal(out->list[i].id, label)) {
      out->default_entry = i;
      return;
    }
}

static const char* read_text(struct Extlinux* x, struct ConfigText* text) {
  char *key, *value;
  while (config_line(text, &key, &value)) {
    const char* const why = line(x, key, value);
    if (why != 0) return why;
  }
  end_label(x);
  choose_default(x->out, x->marked);
  choose_default(x->out, x->chosen);
  return 0;
}

const char* extlinux_read(struct Volume* v, struct Arena* arena, struct BootEntries* out) {
  static const struct {
    const char *folder, *file;
  } kPlaces[] = {
      {"/extlinux", "/extlinux/extlinux.conf"},
      {"/boot/extlinux", "/boot/extlinux/extlinux.conf"},
      {"", "/extlinux.conf"},
      {"/boot", "/boot/extlinux.conf"},
  };
  for (u32 i = 0; i < sizeof kPlaces / sizeof *kPlaces; ++i) {
    struct ConfigText text;
    struct Extlinux x;
    const char* const why = config_load(v, arena, kPlaces[i].file, &text);
    if (why == kVolumeNotFound) continue;
    out->source = kPlaces[i].file;
    if (why != 0) {
      entries_leave_out(out, why);
      return why == kNoMemory ? why : 0;
    }
    mem_set(&x, 0, sizeof x);
    x.arena = arena;
    x.out = out;
    x.folder = kPlaces[i].folder;
    x.append = "";
    return read_text(&x, &text);
  }
  return 0;
}

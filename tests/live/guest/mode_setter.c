// Runs in the guest: draws all the time, and changes the mode of the first display again and again,
// as a desktop does whose monitor changes.  It draws through DRM's dumb buffers.
//
//   mode-setter    says `modes ready` after its first picture, and goes on until it is killed
//
// A round: the connector is asked anew, so that what the host's window became is known; a mode of
// its list is taken, more often than not the preferred one; a buffer of that size is made, shown, and
// drawn in, with a pointer that moves; then it goes.
#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { kIds = 16, kModes = 128, kPictures = 24, kPointer = 64 };

struct buffer {
  uint32_t handle, fb, width, height, pitch;
  uint64_t size;
  uint32_t* pixels;
};

static int card;
static uint32_t random_state = 1;

static uint32_t random_below(uint32_t n) {
  random_state = random_state * 1664525u + 1013904223u;
  return (random_state >> 8) % n;
}

static void fail(const char* what) {
  printf("modes error %s: %s\n", what, strerror(errno));
  exit(1);
}

static void must(unsigned long request, void* argument, const char* what) {
  while (ioctl(card, request, argument) != 0)
    if (errno != EINTR && errno != EAGAIN) fail(what);
}

static struct buffer make_buffer(uint32_t width, uint32_t height) {
  struct drm_mode_create_dumb make = {.width = width, .height = height, .bpp = 32};
  must(DRM_IOCTL_MODE_CREATE_DUMB, &make, "CREATE_DUMB");
  struct drm_mode_map_dumb map = {.handle = make.handle};
  must(DRM_IOCTL_MODE_MAP_DUMB, &map, "MAP_DUMB");
  struct buffer b = {.handle = make.handle,
                     .width = width,
                     .height = height,
                     .pitch = make.pitch,
                     .size = make.size};
  b.pixels = mmap(NULL, make.size, PROT_READ | PROT_WRITE, MAP_SHARED, card, (off_t)map.offset);
  if (b.pixels == MAP_FAILED) fail("mmap");
  return b;
}

static void drop_buffer(struct buffer* b) {
  if (b->fb != 0) ioctl(card, DRM_IOCTL_MODE_RMFB, &b->fb);
  munmap(b->pixels, b->size);
  struct drm_mode_destroy_dumb drop = {.handle = b->handle};
  must(DRM_IOCTL_MODE_DESTROY_DUMB, &drop, "DESTROY_DUMB");
}

static void fill(struct buffer* b, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
                 uint32_t colour) {
  for (uint32_t row = y; row < y + h && row < b->height; ++row)
    for (uint32_t column = x; column < x + w && column < b->width; ++column)
      b->pixels[row * (b->pitch / 4) + column] = colour;
}

static void draw(struct buffer* b) {
  const uint32_t x = random_below(b->width), y = random_below(b->height);
  const uint32_t w = 1 + random_below(b->width), h = 1 + random_below(b->height / 4 + 1);
  fill(b, x, y, w, h, random_below(0x1000000));
  const uint32_t right = x + w < b->width ? x + w : b->width;
  const uint32_t bottom = y + h < b->height ? y + h : b->height;
  struct drm_clip_rect clip = {(uint16_t)x, (uint16_t)y, (uint16_t)right, (uint16_t)bottom};
  struct drm_mode_fb_dirty_cmd dirty = {
      .fb_id = b->fb, .num_clips = 1, .clips_ptr = (uintptr_t)&clip};
  must(DRM_IOCTL_MODE_DIRTYFB, &dirty, "DIRTYFB");
}

static void point(uint32_t crtc, struct buffer* pointer, uint32_t width, uint32_t height) {
  struct drm_mode_cursor c = {.flags = DRM_MODE_CURSOR_MOVE,
                              .crtc_id = crtc,
                              .x = (int32_t)random_below(width + 40) - 20,
                              .y = (int32_t)random_below(height + 40) - 20};
  if (random_below(4) == 0) {
    fill(pointer, 0, 0, kPointer, kPointer, 0x80000000u | random_below(0x800000));
    c.flags |= DRM_MODE_CURSOR_BO;
    c.width = c.height = kPointer;
    c.handle = random_below(8) == 0 ? 0 : pointer->handle;
  }
  must(DRM_IOCTL_MODE_CURSOR, &c, "CURSOR");
}

// The modes of a connector, probed; how many, or 0 when nothing is connected.
static uint32_t probe(uint32_t connector, struct drm_mode_modeinfo* modes) {
  struct drm_mode_get_connector get = {.connector_id = connector};
  must(DRM_IOCTL_MODE_GETCONNECTOR, &get, "GETCONNECTOR");
  if (get.count_modes > kModes) get.count_modes = kModes;
  struct drm_mode_get_connector again = {
      .connector_id = connector, .count_modes = get.count_modes, .modes_ptr = (uintptr_t)modes};
  if (get.count_modes == 0) return 0;
  must(DRM_IOCTL_MODE_GETCONNECTOR, &again, "GETCONNECTOR modes");
  const uint32_t got = again.count_modes < get.count_modes ? again.count_modes : get.count_modes;
  return again.connection == 1 ? got : 0;
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  card = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
  if (card < 0) fail("/dev/dri/card0");
  must(DRM_IOCTL_SET_MASTER, NULL, "SET_MASTER");
  uint32_t crtcs[kIds], connectors[kIds];
  struct drm_mode_card_res res = {.count_crtcs = kIds,
                                  .count_connectors = kIds,
                                  .crtc_id_ptr = (uintptr_t)crtcs,
                                  .connector_id_ptr = (uintptr_t)connectors};
  must(DRM_IOCTL_MODE_GETRESOURCES, &res, "GETRESOURCES");
  if (res.count_crtcs == 0 || res.count_connectors == 0) fail("no display");
  struct buffer pointer = make_buffer(kPointer, kPointer);
  static struct drm_mode_modeinfo modes[kModes];
  for (unsigned long round = 0;; ++round) {
    const uint32_t n = probe(connectors[0], modes);
    if (n == 0) continue;
    const struct drm_mode_modeinfo mode = modes[random_below(3) != 0 ? 0 : random_below(n)];
    struct buffer b = make_buffer(mode.hdisplay, mode.vdisplay);
    struct drm_mode_fb_cmd fb = {.width = b.width,
                                 .height = b.height,
                                 .pitch = b.pitch,
                                 .bpp = 32,
                                 .depth = 24,
                                 .handle = b.handle};
    must(DRM_IOCTL_MODE_ADDFB, &fb, "ADDFB");
    b.fb = fb.fb_id;
    struct drm_mode_crtc set = {.set_connectors_ptr = (uintptr_t)&connectors[0],
                                .count_connectors = 1,
                                .crtc_id = crtcs[0],
                                .fb_id = b.fb,
                                .mode_valid = 1,
                                .mode = mode};
    must(DRM_IOCTL_MODE_SETCRTC, &set, "SETCRTC");
    for (int i = 0; i < kPictures; ++i) {
      draw(&b);
      point(crtcs[0], &pointer, b.width, b.height);
    }
    if (round == 0) printf("modes ready\n");
    drop_buffer(&b);
  }
}

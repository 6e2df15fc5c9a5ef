// What the ROM says, on the serial port and on the screen at once.  Either may be without a reader: the
// screen may be missing, and nobody need listen to the port.
#pragma once

#include "firmware/rom/drivers/framebuffer.h"
#include "firmware/rom/ui/screen.h"
#include "firmware/rom/ui/terminal.h"

enum { kOnTerminal = 1, kOnScreen = 2, kOnBoth = 3 };

struct Console {
  struct Terminal terminal;
  struct Screen screen;
  bool has_terminal, has_screen;
  struct Grid next[2];  ///< what is drawn next, on the terminal and on the screen
};

/// `put` takes the serial port's bytes.  `fb` is null when there is no display.
void console_open(struct Console* c, void (*put)(char byte), const struct Framebuffer* fb,
                  struct Arena* memory);

/// Text from a format (lib/format.h), of at most 1 KiB of UTF-8, at the end of the text that is there.
/// `on` says where.  Control characters but '\n' do not get through.
void console_write(struct Console* c, u32 on, enum Style style, const char* format, ...)
    __attribute__((format(printf, 4, 5)));
/// The same on both, in the ordinary style.
void console_print(struct Console* c, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

/// An empty page with a title, for text.
void console_page(struct Console* c, const char* title);
/// Has `draw` fill an empty grid for each of them, and shows what changed.
void console_draw(struct Console* c, void (*draw)(const void* of, struct Grid* g), const void* of);
/// Text goes on below what was drawn, for those who come after the ROM too.
void console_rest(struct Console* c);

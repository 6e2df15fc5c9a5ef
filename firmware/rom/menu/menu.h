// The menu: what can be done, one of it chosen, and one that happens by itself when nobody comes.
#pragma once

#include "firmware/rom/ui/console.h"
#include "firmware/rom/ui/keys.h"

enum { kMaxMenuItems = 40 };

/// What an item's action wants of the menu.
enum {
  kMenuAgain,  ///< show it again
  kMenuPause,  ///< the same, when the person has read what is on the console
  kMenuLeave,  ///< end menu_run()
};

struct MenuItem {
  const char* label;
  const char* note;  ///< a few words more, or null
  /// Runs on an empty page of the console, which has the label as title.
  int (*act)(void* of);
  void* of;
};

struct Menu {
  const char* title;  ///< of the first line
  const char* facts;  ///< about the machine
  const struct MenuItem* items;
  u32 count;    ///< at most kMaxMenuItems
  s32 usual;    ///< the item that happens by itself and is marked; -1: none
  u32 seconds;  ///< until it does; 0: it does not
  /// Keeps an item as the usual one: null, or why it cannot.  May be null: there is no key for it.
  const char* (*keep)(void* of, u32 item);
  void* keep_of;

  // Of menu_run().
  u32 chosen;
  const char* status;   ///< a line for the person, or null
  const char* trouble;  ///< what does not work, or null
};

/// What the menu looks like: pure, for a grid of any size.
void menu_draw(const struct Menu* m, struct Grid* g);

/// What a key does to the menu.
enum MenuDone { kMenuNothing, kMenuMoved, kMenuAct, kMenuKeep };
/// `figures` is the number that was typed so far, for items above 9; pure.
enum MenuDone menu_key(struct Menu* m, u32 key, u32* figures);

/// Shows the menu and does what is chosen, until an action returns kMenuLeave: the item.
u32 menu_run(struct Menu* m, struct Console* c, struct Keys* k);

/// Waits for any key, at the end of a page.
void menu_pause(struct Console* c, struct Keys* k);

#include "firmware/rom/menu/menu.h"

enum { kPage = 8 };

static enum MenuDone choose(struct Menu* m, u32 item) {
  m->chosen = item < m->count ? item : m->count - 1;
  return kMenuMoved;
}

/// Figures of a number that no item has begin a new one.
static enum MenuDone figure(struct Menu* m, u32 value, u32* figures) {
  u32 number = *figures * 10 + value;
  if (number == 0 || number > m->count) number = value;
  *figures = number;
  return number != 0 && number <= m->count ? choose(m, number - 1) : kMenuNothing;
}

enum MenuDone menu_key(struct Menu* m, u32 key, u32* figures) {
  if (m->count == 0) return kMenuNothing;
  if (key >= '0' && key <= '9') return figure(m, key - '0', figures);
  *figures = 0;
  switch (key) {
    case kKeyUp:
    case 'k':
      return choose(m, m->chosen != 0 ? m->chosen - 1 : m->count - 1);
    case kKeyDown:
    case 'j':
      return choose(m, m->chosen + 1 < m->count ? m->chosen + 1 : 0);
    case kKeyHome:
      return choose(m, 0);
    case kKeyEnd:
      return choose(m, m->count - 1);
    case kKeyPageUp:
      return choose(m, m->chosen > kPage ? m->chosen - kPage : 0);
    case kKeyPageDown:
      return choose(m, m->chosen + kPage);
    case kKeyEnter:
      return kMenuAct;
    case 'd':
    case 'D':
      return m->keep != 0 ? kMenuKeep : kMenuNothing;
    default:
      return kMenuNothing;
  }
}

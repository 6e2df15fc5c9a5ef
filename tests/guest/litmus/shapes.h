// Litmus tests: what a shape is, and the pieces of which threads are made.
#pragma once

typedef unsigned long Reg;
enum { kThreads = 4, kLocations = 3, kLine = 8 };

/// What one run of a shape left: two registers for each thread, each thread's in a cache line of its own, and
/// the locations.
struct Outcome {
  Reg r[kThreads][kLine];
  Reg x, y, z, pad[kLine - 3];
};
/// A thread: the locations, and where its registers go.
typedef void (*Thread)(Reg* x, Reg* y, Reg* z, Reg* r);

struct Shape {
  const char* name;  ///< as in herd's catalogue: the shape, and what is between its accesses
  bool forbidden;    ///< by the memory model; else the outcome is allowed, and counted
  unsigned threads;
  Thread thread[kThreads];
  bool (*weak)(const struct Outcome* o);  ///< the outcome that the shape is about
};
extern const struct Shape shapes[];
extern const unsigned shape_count;

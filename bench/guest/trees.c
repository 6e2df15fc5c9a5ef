// Trees: a search tree of 16384 numbers (a treap) that is built, searched and walked, and small trees that
// are allocated and freed by the C library's malloc.
#include "bench.h"

#include <stdlib.h>

enum { kNodes = 16384 };

struct Node {
  struct Node *left, *right;
  u32 key, priority;
};

static struct Node pool[kNodes];

static struct Node* insert(struct Node* t, struct Node* n) {
  if (t == NULL) return n;
  if (n->key < t->key) {
    t->left = insert(t->left, n);
    if (t->left->priority < t->priority) {
      struct Node* l = t->left;
      t->left = l->right;
      l->right = t;
      return l;
    }
  } else {
    t->right = insert(t->right, n);
    if (t->right->priority < t->priority) {
      struct Node* r = t->right;
      t->right = r->left;
      r->left = t;
      return r;
    }
  }
  return t;
}

static struct Node* build(u64 seed) {
  struct Node* root = NULL;
  for (int i = 0; i < kNodes; ++i) {
    const u64 x = draw(&seed);
    pool[i] = (struct Node){.key = (u32)x, .priority = (u32)(x >> 32)};
    root = insert(root, &pool[i]);
  }
  return root;
}

static u64 treap(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) check = mix(check, build(turn + 1)->key);
  return check;
}

static struct Node* tree;

static void prepare_tree(unsigned round) {
  (void)round;
  tree = build(53);
}

static u64 search(u64 n) {
  u64 check = CHECK_START, seed = 53;
  for (u64 i = 0; i < n; ++i) {
    if (i % kNodes == 0) seed = 53;  // the keys that are there, in the order of their coming
    const u32 key = (u32)draw(&seed) + (u32)(i & 1);
    const struct Node* t = tree;
    u32 depth = 0;
    for (; t != NULL && t->key != key; ++depth) t = key < t->key ? t->left : t->right;
    check += depth + (t != NULL ? 64 : 0);
  }
  return check;
}

static u64 sum(const struct Node* t) {
  return t == NULL ? 0 : sum(t->left) * 3 + sum(t->right) + t->key;
}

static u64 walk(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) check = mix(check, sum(tree));
  return check;
}

static struct Node* grow(int depth) {
  struct Node* n = malloc(sizeof *n);
  if (n == NULL) die("malloc");
  n->left = depth > 0 ? grow(depth - 1) : NULL;
  n->right = depth > 0 ? grow(depth - 1) : NULL;
  return n;
}

static u32 fell(struct Node* n) {
  const u32 count = 1 + (n->left != NULL ? fell(n->left) + fell(n->right) : 0);
  free(n);
  return count;
}

static u64 allocate(u64 n) {
  u64 check = CHECK_START;
  for (u64 turn = 0; turn < n; ++turn) check = mix(check, fell(grow(10)));
  return check;
}

const struct Benchmark kTrees[] = {
    {"integer/treap", 3, treap, NULL, NULL, false},
    {"integer/tree-search", 200000, search, prepare_tree, NULL, false},
    {"integer/tree-walk", 100, walk, prepare_tree, NULL, false},
    {"integer/malloc-trees", 62, allocate, NULL, NULL, false},
    {0}};

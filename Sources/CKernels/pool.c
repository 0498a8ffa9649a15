/* Worker threads and scratch memory. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "internal.h"

/* One job at a time. `state` holds the job's serial number (high 32 bits), the number of workers inside the job
 * (bits 1...31) and whether it still takes workers (bit 0). The fields of the job change only while the job is closed
 * and nobody is inside, so a worker that has entered may read them. */
struct ck_pool {
  atomic_ullong state;
  atomic_long next;
  long count;
  void (*fn)(void *context, long index);
  void *context;

  atomic_int busy, sleepers, stopping;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  int workers;
  pthread_t threads[];
};

static const unsigned long long job_open = 1, worker_inside = 2, inside_mask = 0xfffffffe, next_job = 1ull << 32;
enum { spins_before_sleep = 2000 };

static _Thread_local int inside_job;

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void take_indices(ck_pool *pool) {
  inside_job = 1;
  for (long i; (i = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < pool->count;)
    pool->fn(pool->context, i);
  inside_job = 0;
}

static void *worker_main(void *argument) {
  ck_pool *pool = argument;
  unsigned long long done = 0; /* serial number of the last job this worker was in */
  for (;;) {
    unsigned long long state = atomic_load(&pool->state);
    for (int spin = 0; spin < spins_before_sleep && !((state & job_open) && state >> 32 != done); spin++) {
      relax();
      state = atomic_load(&pool->state);
    }
    if (!((state & job_open) && state >> 32 != done)) {
      pthread_mutex_lock(&pool->mutex);
      atomic_fetch_add(&pool->sleepers, 1);
      while (state = atomic_load(&pool->state),
             !((state & job_open) && state >> 32 != done) && !atomic_load(&pool->stopping))
        pthread_cond_wait(&pool->wake, &pool->mutex);
      atomic_fetch_sub(&pool->sleepers, 1);
      pthread_mutex_unlock(&pool->mutex);
    }
    if (atomic_load(&pool->stopping)) return NULL;
    while ((state & job_open) && !atomic_compare_exchange_weak(&pool->state, &state, state + worker_inside)) {}
    if (!(state & job_open)) continue;
    done = state >> 32;
    take_indices(pool);
    atomic_fetch_sub(&pool->state, worker_inside);
  }
}

ck_pool *ck_pool_create(int threads) {
  if (threads <= 1) return NULL;
  ck_pool *pool = calloc(1, sizeof *pool + (size_t)(threads - 1) * sizeof(pthread_t));
  if (!pool) return NULL;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  while (pool->workers < threads - 1 &&
         pthread_create(&pool->threads[pool->workers], NULL, worker_main, pool) == 0)
    pool->workers++;
  if (pool->workers == 0) {
    ck_pool_destroy(pool);
    return NULL;
  }
  return pool;
}

void ck_pool_destroy(ck_pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->stopping, 1);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (int i = 0; i < pool->workers; i++) pthread_join(pool->threads[i], NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}

int ck_pool_threads(const ck_pool *pool) { return pool ? pool->workers + 1 : 1; }

void ck_parallel(ck_pool *pool, long count, void (*fn)(void *context, long index), void *context) {
  int expected = 0;
  if (!pool || count <= 1 || inside_job || !atomic_compare_exchange_strong(&pool->busy, &expected, 1)) {
    for (long i = 0; i < count; i++) fn(context, i);
    return;
  }
  pool->fn = fn;
  pool->context = context;
  pool->count = count;
  atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
  atomic_store(&pool->state, (atomic_load(&pool->state) & ~(next_job - 1)) + next_job + job_open);
  if (atomic_load(&pool->sleepers) > 0) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
  }
  take_indices(pool);
  unsigned long long state = atomic_fetch_and(&pool->state, ~job_open);
  for (int spin = 0; state & inside_mask; spin++) {
    if (spin < spins_before_sleep) relax();
    else sched_yield();
    state = atomic_load(&pool->state);
  }
  atomic_store(&pool->busy, 0);
}

long ck_pieces(const ck_pool *pool, long count, double cost, double least) {
  if (!pool || inside_job || count <= 1) return 1;
  double pieces = cost / least, most = 4.0 * ck_pool_threads(pool);
  if (pieces > most) pieces = most;
  if (pieces > (double)count) pieces = (double)count;
  return pieces < 2 ? 1 : (long)pieces;
}

struct range_job {
  long count, pieces;
  void (*fn)(void *context, long begin, long end);
  void *context;
};

static void range_piece(void *context, long index) {
  struct range_job *job = context;
  job->fn(job->context, ck_piece_begin(job->count, job->pieces, index),
          ck_piece_begin(job->count, job->pieces, index + 1));
}

void ck_ranges(ck_pool *pool, long count, double cost, void (*fn)(void *context, long begin, long end),
               void *context) {
  if (count <= 0) return;
  struct range_job job = {count, ck_pieces(pool, count, cost, 16384), fn, context};
  if (job.pieces == 1) fn(context, 0, count);
  else ck_parallel(pool, job.pieces, range_piece, &job);
}

/* Each thread keeps its buffers between calls, so that steady work touches no fresh pages. */
enum { scratch_alignment = 4096 };
static const size_t scratch_kept = 64u << 20;

struct scratch {
  void *memory[CK_SCRATCH_SLOTS];
  size_t size[CK_SCRATCH_SLOTS];
};

static _Thread_local struct scratch *scratch;
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;

static void scratch_free(void *argument) {
  struct scratch *s = argument;
  for (int i = 0; i < CK_SCRATCH_SLOTS; i++) free(s->memory[i]);
  free(s);
}

static void scratch_init(void) { pthread_key_create(&scratch_key, scratch_free); }

void *ck_scratch(int slot, size_t bytes) {
  if (!scratch) {
    pthread_once(&scratch_once, scratch_init);
    scratch = calloc(1, sizeof *scratch);
    if (!scratch) return NULL;
    pthread_setspecific(scratch_key, scratch);
  }
  if (scratch->size[slot] < bytes || (scratch->size[slot] > scratch_kept && bytes <= scratch_kept)) {
    free(scratch->memory[slot]);
    size_t size = (bytes + bytes / 4) / scratch_alignment * scratch_alignment + scratch_alignment;
    scratch->memory[slot] = aligned_alloc(scratch_alignment, size);
    scratch->size[slot] = scratch->memory[slot] ? size : 0;
  }
  return scratch->memory[slot];
}

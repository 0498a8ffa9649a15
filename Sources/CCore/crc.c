// CRC-32C and CRC-32, four ways each. Folding keeps several lanes of the message as polynomials and multiplies them forward by
// x^distance mod P (carry-less multiplication); the lanes are then reduced by running the plain CRC over them. x86 has an
// instruction for CRC-32C only, ARM for both.
// Constants come from `fold_constant`, not from a list, so that there is one thing to check.
#include "CCore.h"

#include <string.h>

// What the ways need to know of a polynomial, reflected.
typedef struct {
  uint32_t value;
  uint32_t tables[8][256];
  uint64_t by_128[2], by_512[2];
} polynomial;

static polynomial castagnoli = {.value = 0x82F63B78u}, ieee = {.value = 0xEDB88320u};
static int best_way = CK_CRC_PORTABLE;

static uint32_t portable(const polynomial *P, uint32_t crc, const uint8_t *p, size_t n) {
  const uint32_t(*tables)[256] = P->tables;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    word ^= crc;
    crc = tables[7][word & 255] ^ tables[6][word >> 8 & 255] ^ tables[5][word >> 16 & 255] ^
          tables[4][word >> 24 & 255] ^ tables[3][word >> 32 & 255] ^ tables[2][word >> 40 & 255] ^
          tables[1][word >> 48 & 255] ^ tables[0][word >> 56];
  }
  for (; n; n--) crc = crc >> 8 ^ tables[0][(crc ^ *p++) & 255];
  return crc;
}

// x^n mod P, reflected, shifted left once to suit the reflected carry-less product.
static uint64_t fold_constant(uint32_t value, unsigned n) {
  uint32_t r = 0x80000000u;
  while (n--) r = r & 1 ? r >> 1 ^ value : r >> 1;
  return (uint64_t)r << 1;
}

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("sse4.2"))) static uint32_t instruction(const polynomial *P, uint32_t crc, const uint8_t *p,
                                                               size_t n) {
  if (P != &castagnoli) return portable(P, crc, p, n);
  uint64_t c = crc;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    c = _mm_crc32_u64(c, word);
  }
  crc = (uint32_t)c;
  for (; n; n--) crc = _mm_crc32_u8(crc, *p++);
  return crc;
}

// Eight lanes of 128 bits.
__attribute__((target("sse4.2,pclmul"))) static uint32_t fold_128(const polynomial *P, uint32_t crc,
                                                                    const uint8_t *p, size_t n) {
  if (n < 256) return instruction(P, crc, p, n);
  __m128i k = _mm_loadu_si128((const __m128i *)P->by_128), x[8];
  for (int i = 0; i < 8; i++) x[i] = _mm_loadu_si128((const __m128i *)p + i);
  x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
  for (p += 128, n -= 128; n >= 128; p += 128, n -= 128)
    for (int i = 0; i < 8; i++)
      x[i] = _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(x[i], k, 0x00), _mm_clmulepi64_si128(x[i], k, 0x11)),
                           _mm_loadu_si128((const __m128i *)p + i));
  return instruction(P, instruction(P, 0, (const uint8_t *)x, sizeof x), p, n);
}

// Four lanes of 512 bits.
__attribute__((target("sse4.2,avx512f,vpclmulqdq"))) static uint32_t fold_512(const polynomial *P,
                                                                              uint32_t crc, const uint8_t *p,
                                                                              size_t n) {
  if (n < 512) return instruction(P, crc, p, n);
  __m512i k = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)P->by_512)), x[4];
  for (int i = 0; i < 4; i++) x[i] = _mm512_loadu_si512(p + 64 * i);
  x[0] = _mm512_xor_si512(x[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)crc)));
  for (p += 256, n -= 256; n >= 256; p += 256, n -= 256)
    for (int i = 0; i < 4; i++)
      x[i] = _mm512_xor_si512(
          _mm512_xor_si512(_mm512_clmulepi64_epi128(x[i], k, 0x00), _mm512_clmulepi64_epi128(x[i], k, 0x11)),
          _mm512_loadu_si512(p + 64 * i));
  return instruction(P, instruction(P, 0, (const uint8_t *)x, sizeof x), p, n);
}

static int find_best(void) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2")) return CK_CRC_PORTABLE;
  if (!__builtin_cpu_supports("pclmul")) return CK_CRC_INSTRUCTION;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("vpclmulqdq")) return CK_CRC_FOLD_128;
  return CK_CRC_FOLD_512;
}
#elif defined(__aarch64__)
#include <arm_acle.h>

__attribute__((target("crc"))) static uint32_t instruction(const polynomial *P, uint32_t crc, const uint8_t *p,
                                                            size_t n) {
  int is_castagnoli = P == &castagnoli;
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    crc = is_castagnoli ? __crc32cd(crc, word) : __crc32d(crc, word);
  }
  for (; n; n--, p++) crc = is_castagnoli ? __crc32cb(crc, *p) : __crc32b(crc, *p);
  return crc;
}
#define fold_128 instruction
#define fold_512 instruction

#if defined(__APPLE__)
static int find_best(void) { return CK_CRC_INSTRUCTION; }
#else
#include <sys/auxv.h>
static int find_best(void) { return getauxval(AT_HWCAP) & (1 << 7) ? CK_CRC_INSTRUCTION : CK_CRC_PORTABLE; }
#endif
#else
#define instruction portable
#define fold_128 portable
#define fold_512 portable
static int find_best(void) { return CK_CRC_PORTABLE; }
#endif

static void make(polynomial *P) {
  uint32_t(*tables)[256] = P->tables;
  for (unsigned i = 0; i < 256; i++) {
    uint32_t r = i;
    for (int bit = 0; bit < 8; bit++) r = r & 1 ? r >> 1 ^ P->value : r >> 1;
    tables[0][i] = r;
  }
  for (int t = 1; t < 8; t++)
    for (int i = 0; i < 256; i++) tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
  P->by_128[0] = fold_constant(P->value, 8 * 128 + 32), P->by_128[1] = fold_constant(P->value, 8 * 128 - 32);
  P->by_512[0] = fold_constant(P->value, 4 * 512 + 32), P->by_512[1] = fold_constant(P->value, 4 * 512 - 32);
}

__attribute__((constructor)) static void prepare(void) {
  make(&castagnoli);
  make(&ieee);
  best_way = find_best();
}

int ck_crc32c_best(void) { return best_way; }

static uint32_t sum_by(const polynomial *P, int way, uint32_t crc, const void *bytes, size_t size) {
  if (way > best_way) way = CK_CRC_PORTABLE;
  switch (way) {
    case CK_CRC_INSTRUCTION: return ~instruction(P, ~crc, bytes, size);
    case CK_CRC_FOLD_128: return ~fold_128(P, ~crc, bytes, size);
    case CK_CRC_FOLD_512: return ~fold_512(P, ~crc, bytes, size);
    default: return ~portable(P, ~crc, bytes, size);
  }
}

uint32_t ck_crc32c_by(int way, uint32_t crc, const void *bytes, size_t size) {
  return sum_by(&castagnoli, way, crc, bytes, size);
}

uint32_t ck_crc32_by(int way, uint32_t crc, const void *bytes, size_t size) {
  return sum_by(&ieee, way, crc, bytes, size);
}

uint32_t ck_crc32c(uint32_t crc, const void *bytes, size_t size) { return ck_crc32c_by(best_way, crc, bytes, size); }

uint32_t ck_crc32(uint32_t crc, const void *bytes, size_t size) { return ck_crc32_by(best_way, crc, bytes, size); }

// a * b mod P, both reflected.
static uint32_t multiply(const polynomial *P, uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (; a; a <<= 1) {
    if (a & 0x80000000u) product ^= b;
    b = b & 1 ? b >> 1 ^ P->value : b >> 1;
  }
  return product;
}

static uint32_t combine(const polynomial *P, uint32_t a, uint32_t b, uint64_t size_of_b) {
  uint32_t power = 0x80000000u >> 8, shift = 0x80000000u;  // x^8, and 1
  for (; size_of_b; size_of_b >>= 1) {
    if (size_of_b & 1) shift = multiply(P, shift, power);
    power = multiply(P, power, power);
  }
  return multiply(P, shift, a) ^ b;
}

uint32_t ck_crc32c_combine(uint32_t a, uint32_t b, uint64_t size_of_b) {
  return combine(&castagnoli, a, b, size_of_b);
}

uint32_t ck_crc32_combine(uint32_t a, uint32_t b, uint64_t size_of_b) { return combine(&ieee, a, b, size_of_b); }

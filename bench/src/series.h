/* A series of measured values: recorded on the way, sorted once, printed as mean and quantiles in JSON. */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base.h"

typedef struct {
    float *values;
    long count;
    long capacity;
} Series;

static inline void record(Series *series, double value) {
    if (series->count == series->capacity) {
        series->capacity = series->capacity ? series->capacity * 2 : 65536;
        series->values = resized(series->values, (size_t)series->capacity * sizeof *series->values);
    }
    series->values[series->count++] = (float)value;
}

static inline int by_value(const void *a, const void *b) {
    float left = *(const float *)a;
    float right = *(const float *)b;
    return (left > right) - (left < right);
}

static inline void print_number(const char *name, double value) {
    if (isnan(value))
        printf(",\"%s\":null", name);
    else
        printf(",\"%s\":%.4f", name, value);
}

static inline void print_series(const char *name, Series *series) {
    char field[64];
    static const struct { const char *label; double share; } quantiles[] = {{"p50", 0.5}, {"p99", 0.99}, {"max", 1.0}};
    qsort(series->values, (size_t)series->count, sizeof *series->values, by_value);
    double sum = 0;
    for (long i = 0; i < series->count; i++) sum += series->values[i];
    snprintf(field, sizeof field, "%s_mean_ms", name);
    print_number(field, series->count ? sum / (double)series->count : NAN);
    for (int i = 0; i < 3; i++) {
        long rank = (long)ceil(quantiles[i].share * (double)series->count) - 1;
        snprintf(field, sizeof field, "%s_%s_ms", name, quantiles[i].label);
        print_number(field, series->count ? series->values[rank < 0 ? 0 : rank] : NAN);
    }
}

#endif

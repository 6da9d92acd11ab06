/* The steps of eqpool's models as a C programmer would write them: one thread, float32, a loop
 * over the batch outside, over time inside, and over neurons innermost, which gcc vectorises.
 * Recurrent input adds only the rows of neurons that fired.
 *
 * Arrays are as eqpool has them: input (B, T, N*K), weights (N, N*K), output (B, T, N); what
 * belongs to synapses is (N, K) in input and weights, and (K, N) in coefficients and state.
 * Coefficients are handed to the loops by value, so that gcc keeps their addresses. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

typedef struct {
    const float *Io, *Idc, *If_nmda, *Itau_mem, *Igain_mem; /* A */
    const float *speed;                                     /* dt*kappa/(C_mem*Ut), 1/A */
    const float *exponent;                                  /* kappa/(kappa + 1) */
    const float *threshold;                                 /* ln(Ispkthr/Io) */
    const float *t_ref;                                     /* s */
    const float *ahp_decay, *ahp_jump;
    const float *syn_decay, *syn_charge, *syn_gain; /* (K, N) */
} Neurons;

/* w[0:size] += the rows of neurons with a value other than zero */
INLINE void add_rows(int n, int size, const float *values, const float *weights, float *w) {
    for (int i = 0; i < n; i++) {
        const float value = values[i];
        if (value == 0.0f) continue;
        const float *row = weights + (size_t)i * size;
#pragma GCC ivdep
        for (int j = 0; j < size; j++) w[j] += value * row[j];
    }
}

/* `types` is 1 (AMPA) or 4 (AMPA, GABA, NMDA, SHUNT), known to the compiler. */
INLINE void dynapsim(int types, int n, int steps, int batch, float dt, Neurons c,
                     const float *weights, const float *input, float *output) {
    const int size = types * n;
    float *memory = malloc(sizeof(float) * (2 * size + 4 * n));
    float *w = memory, *isyn = w + size, *iahp = isyn + size, *imem = iahp + n;
    float *u = imem + n; /* ln(Imem/Io) before the reset */
    float *timer = u + n;

    for (int b = 0; b < batch; b++) {
        const float *spikes = NULL;
        for (int i = 0; i < n; i++) {
            iahp[i] = imem[i] = c.Io[i];
            u[i] = timer[i] = 0.0f;
            for (int k = 0; k < types; k++) isyn[k * n + i] = c.Io[i];
        }
        for (int t = 0; t < steps; t++) {
            memcpy(w, input, sizeof(float) * size);
            if (spikes) add_rows(n, size, spikes, weights, w);
#pragma GCC ivdep
            for (int i = 0; i < n; i++) {
                const float Io = c.Io[i], Itau = c.Itau_mem[i], Igain = c.Igain_mem[i];
                for (int k = 0; k < types; k++) {
                    const int s = k * n + i;
                    const float steady = fmaxf(c.syn_gain[s] * w[i * types + k], Io);
                    isyn[s] = c.syn_decay[s] * isyn[s] + c.syn_charge[s] * steady;
                }
                const float before = spikes ? spikes[i] : 0.0f;
                iahp[i] = fmaxf(c.ahp_decay[i] * iahp[i] + c.ahp_jump[i] * before, Io);

                const float gaba = types > 1 ? isyn[n + i] : 0.0f;
                const float nmda =
                    types > 1 ? isyn[2 * n + i] / (1.0f + c.If_nmda[i] / imem[i]) : 0.0f;
                const float shunt = types > 1 ? isyn[3 * n + i] : 0.0f;
                const float leak = Itau + iahp[i] + gaba;
                const float drive = isyn[i] + nmda - shunt + c.Idc[i] - leak;
                const float in = fmaxf(timer[i] == 0.0f ? drive : 0.0f, Io);

                const float feedback = Io * expf(c.exponent[i] * u[i]);
                const float pull = Igain / Itau * (in - leak) - imem[i] * (1.0f + iahp[i] / Itau);
                const float slope = imem[i] * (feedback + leak * pull / (imem[i] + Igain));
                const float now = fmaxf(imem[i] + c.speed[i] * slope, Io);
                u[i] = logf(now / Io);
                const float fired = fmaxf(ceilf(u[i] - c.threshold[i]), 0.0f);
                imem[i] = fired > 0.0f ? Io : now;
                timer[i] = fired > 0.0f ? c.t_ref[i] : fmaxf(timer[i] - dt, 0.0f);
                output[i] = fired;
            }
            spikes = output;
            input += size;
            output += n;
        }
    }
    free(memory);
}

void dynapsim_1(int n, int steps, int batch, float dt, const Neurons *c, const float *weights,
                const float *input, float *output) {
    dynapsim(1, n, steps, batch, dt, *c, weights, input, output);
}

void dynapsim_4(int n, int steps, int batch, float dt, const Neurons *c, const float *weights,
                const float *input, float *output) {
    dynapsim(4, n, steps, batch, dt, *c, weights, input, output);
}

INLINE void rate(int is_tanh, int n, int steps, int batch, float dt, const float *tau,
                 const float *bias, const float *threshold, const float *weights,
                 const float *input, float *output) {
    float *memory = malloc(sizeof(float) * 4 * n);
    float *x = memory, *drive = x + n, *rates = drive + n, *step = rates + n;
    for (int i = 0; i < n; i++) step[i] = dt / tau[i];

    for (int b = 0; b < batch; b++) {
        for (int i = 0; i < n; i++) {
            x[i] = 0.0f;
            rates[i] = is_tanh ? tanhf(-threshold[i]) : fmaxf(-threshold[i], 0.0f);
        }
        for (int t = 0; t < steps; t++) {
            for (int i = 0; i < n; i++) drive[i] = input[i] + bias[i];
            add_rows(n, n, rates, weights, drive);
#pragma GCC ivdep
            for (int i = 0; i < n; i++) {
                x[i] += step[i] * (drive[i] - x[i]);
                const float above = x[i] - threshold[i];
                output[i] = rates[i] = is_tanh ? tanhf(above) : fmaxf(above, 0.0f);
            }
            input += n;
            output += n;
        }
    }
    free(memory);
}

void rate_relu(int n, int steps, int batch, float dt, const float *tau, const float *bias,
               const float *threshold, const float *weights, const float *input, float *output) {
    rate(0, n, steps, batch, dt, tau, bias, threshold, weights, input, output);
}

void rate_tanh(int n, int steps, int batch, float dt, const float *tau, const float *bias,
               const float *threshold, const float *weights, const float *input, float *output) {
    rate(1, n, steps, batch, dt, tau, bias, threshold, weights, input, output);
}

// Neurons of DynapSim on Rockpool's grid: one step, and its transposed derivative.
//
// The equations are those of `rockpool_step` and `eqpool.physics`. What does not depend on the step
// comes in as rows of `constants`, one value for each neuron.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "elementary.h"

namespace eqpool {
namespace {

// Rows of `constants`: for each synapse type kGain .. kCharge, then the others.
enum PerSynapse { kGain, kFloor, kDecay, kCharge, kPerSynapse };
enum Constant {
  kAhpDecay, kAhpJump, kIo, kIdc, kIfNmda, kItau, kIgain, kRatio, kInvItau, kRate, kFeedback,
  kVolt, kNats, kVthr, kIspkthr, kTref, kDt, kSharpness, kOthers
};
// Rows of a state, after one for each synapse type. The last is kept inside only.
enum State { kIahp, kImem, kVmem, kSpikes, kTimer, kStates, kPeak = kStates, kRows };
enum Type { kAmpa, kGaba, kNmda, kShunt, kTypes };
enum Surrogate { kPiecewiseLinear, kFastSigmoid, kArctan, kGaussian };

struct Setting {
  size_t n, synapses;
  int row_of[kTypes];  // of each synapse type, or -1
  double max_spikes;
  Surrogate surrogate;
  bool detach_reset, with_constants;
};

template <typename T, bool kAll>
struct Neurons {
  Neurons(const Setting& setting, const T* constants)
      : s(setting), zeros(setting.n, T(0)), constants(constants) {}

  const T* syn(int k, PerSynapse row) const { return constants + (k * kPerSynapse + row) * s.n; }
  const T* c(Constant row) const { return constants + (s.synapses * kPerSynapse + row) * s.n; }

  const T* type(const T* state, Type t) const {
    return s.row_of[t] < 0 ? zeros.data() : state + s.row_of[t] * s.n;
  }

  // New synaptic currents into `next`, from what arrives.
  void charge(const T* state, const T* arriving, T* next) const {
    for (size_t k = 0; k < s.synapses; ++k) {
      const T* __restrict gain = syn(k, kGain);
      const T* __restrict floor = syn(k, kFloor);
      const T* __restrict decay = syn(k, kDecay);
      const T* __restrict charge = syn(k, kCharge);
      const T* __restrict before = state + k * s.n;
      const T* __restrict in = arriving + k * s.n;
      T* __restrict after = next + k * s.n;
#pragma omp simd
      for (size_t i = 0; i < s.n; ++i)
        after[i] = decay[i] * before[i] + charge[i] * larger(gain[i] * in[i], floor[i]);
    }
  }

  // One step from `state` to `next`; `next` holds the new synaptic currents already.
  void membrane(const T* state, T* next) const {
    const size_t n = s.n, first = s.synapses * n;
    const T* __restrict iahp_ = state + first + kIahp * n;
    const T* __restrict imem_ = state + first + kImem * n;
    const T* __restrict vmem_ = state + first + kVmem * n;
    const T* __restrict spikes_ = state + first + kSpikes * n;
    const T* __restrict timer_ = state + first + kTimer * n;
    const T* __restrict ampa = type(next, kAmpa);
    const T* __restrict gaba = type(next, kGaba);
    const T* __restrict nmda = type(next, kNmda);
    const T* __restrict shunt = type(next, kShunt);
    T* __restrict iahp = next + first + kIahp * n;
    T* __restrict imem = next + first + kImem * n;
    T* __restrict vmem = next + first + kVmem * n;
    T* __restrict spikes = next + first + kSpikes * n;
    T* __restrict timer = next + first + kTimer * n;
    T* __restrict peak = next + first + kPeak * n;
    const T* __restrict ahp_decay = c(kAhpDecay);
    const T* __restrict ahp_jump = c(kAhpJump);
    const T* __restrict io = c(kIo);
    const T* __restrict idc = c(kIdc);
    const T* __restrict if_nmda = c(kIfNmda);
    const T* __restrict itau = c(kItau);
    const T* __restrict igain = c(kIgain);
    const T* __restrict ratio = c(kRatio);
    const T* __restrict inv_itau = c(kInvItau);
    const T* __restrict rate = c(kRate);
    const T* __restrict feedback = c(kFeedback);
    const T* __restrict volt = c(kVolt);
    const T* __restrict nats = c(kNats);
    const T* __restrict vthr = c(kVthr);
    const T* __restrict tref = c(kTref);
    const T* __restrict dt = c(kDt);
    const T most = static_cast<T>(s.max_spikes);
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
      const T a = larger(ahp_decay[i] * iahp_[i] + ahp_jump[i] * spikes_[i], io[i]);
      T excitation = ampa[i], inhibition = T(0), ileak = itau[i] + a;
      if constexpr (kAll) {
        excitation += nmda[i] / (T(1) + if_nmda[i] / imem_[i]);
        inhibition = shunt[i];
        ileak += gaba[i];
      }
      const T input = excitation - inhibition + idc[i] - ileak;
      const T iin = larger(timer_[i] == T(0) ? input : T(0), io[i]);
      const T ia = io[i] * exponential(feedback[i] * vmem_[i]);
      const T pull = ratio[i] * (iin - ileak) - imem_[i] * (T(1) + a * inv_itau[i]);
      const T slope = ia + ileak * pull / (imem_[i] + igain[i]);
      const T m = larger(imem_[i] + rate[i] * imem_[i] * slope, io[i]);
      const T v = volt[i] * logarithm(m / io[i]);
      T count = std::ceil(nats[i] * (v - vthr[i]));
      count = larger(count, T(0)) + T(0);  // not -0
      count = count > most ? most : count;
      const T left = timer_[i] - dt[i], full = tref[i];
      iahp[i] = a;
      imem[i] = count > T(0) ? io[i] + T(0) * m : m;  // infinity does not end in a reset
      peak[i] = m;
      vmem[i] = v;
      spikes[i] = count;
      timer[i] = count > T(0) ? full : larger(left, T(0));
    }
  }

  // Slopes of the surrogate wrt the current before the reset, per unit of current.
  void slopes(const T* next, T* __restrict slope) const {
    switch (s.surrogate) {
      case kPiecewiseLinear: return slopes_of<kPiecewiseLinear>(next, slope);
      case kFastSigmoid: return slopes_of<kFastSigmoid>(next, slope);
      case kArctan: return slopes_of<kArctan>(next, slope);
      case kGaussian: return slopes_of<kGaussian>(next, slope);
    }
  }

  template <Surrogate kKind>
  void slopes_of(const T* next, T* __restrict slope) const {
    const size_t first = s.synapses * s.n;
    const T* __restrict vmem = next + first + kVmem * s.n;
    const T* __restrict peak = next + first + kPeak * s.n;
    const T* __restrict io = c(kIo);
    const T* __restrict nats = c(kNats);
    const T* __restrict vthr = c(kVthr);
    const T* __restrict sharpness = c(kSharpness);
    const T most = static_cast<T>(s.max_spikes) - T(1);
#pragma omp simd
    for (size_t i = 0; i < s.n; ++i) {
      if constexpr (kKind == kPiecewiseLinear) {
        slope[i] = peak[i] <= io[i] ? T(0) : sharpness[i];
      } else {
        const T u = nats[i] * (vmem[i] - vthr[i]);
        T step = larger(std::nearbyint(u), T(0));
        step = step > most ? most : step;
        const T x = u - step, y = sharpness[i];
        if constexpr (kKind == kFastSigmoid) {
          const T root = T(1) + y * std::abs(x);
          slope[i] = T(1) / (root * root * peak[i]);
        } else if constexpr (kKind == kArctan) {
          slope[i] = T(1) / ((T(1) + y * x * (y * x)) * peak[i]);
        } else {
          slope[i] = exponential(T(-0.5) * (x / y) * (x / y)) / peak[i];
        }
      }
    }
  }

  // The transposed derivative of `membrane`: `bar` goes from cotangents after the step to those
  // before it, but for the synaptic currents, which stay those after it.
  template <bool kConstants>
  void membrane_transposed(const T* state, const T* next, const T* __restrict slope, T* bar,
                           T* __restrict constants_bar, T* unused) const {
    const size_t n = s.n, first = s.synapses * n;
    const T* __restrict iahp_ = state + first + kIahp * n;
    const T* __restrict imem_ = state + first + kImem * n;
    const T* __restrict vmem_ = state + first + kVmem * n;
    const T* __restrict spikes_ = state + first + kSpikes * n;
    const T* __restrict timer_ = state + first + kTimer * n;
    const T* __restrict ampa = type(next, kAmpa);
    const T* __restrict gaba = type(next, kGaba);
    const T* __restrict nmda = type(next, kNmda);
    const T* __restrict shunt = type(next, kShunt);
    const T* __restrict vmem = next + first + kVmem * n;
    const T* __restrict spikes = next + first + kSpikes * n;
    const T* __restrict peak = next + first + kPeak * n;
    T* __restrict ampa_bar = bar_of(bar, kAmpa, unused);
    T* __restrict gaba_bar = bar_of(bar, kGaba, unused);
    T* __restrict nmda_bar = bar_of(bar, kNmda, unused);
    T* __restrict shunt_bar = bar_of(bar, kShunt, unused);
    T* __restrict iahp_bar = bar + first + kIahp * n;
    T* __restrict imem_bar = bar + first + kImem * n;
    T* __restrict vmem_bar = bar + first + kVmem * n;
    T* __restrict spikes_bar = bar + first + kSpikes * n;
    T* __restrict timer_bar = bar + first + kTimer * n;
    const T* __restrict ahp_decay = c(kAhpDecay);
    const T* __restrict ahp_jump = c(kAhpJump);
    const T* __restrict io = c(kIo);
    const T* __restrict idc = c(kIdc);
    const T* __restrict if_nmda = c(kIfNmda);
    const T* __restrict itau = c(kItau);
    const T* __restrict igain = c(kIgain);
    const T* __restrict ratio = c(kRatio);
    const T* __restrict inv_itau = c(kInvItau);
    const T* __restrict rate = c(kRate);
    const T* __restrict feedback = c(kFeedback);
    const T* __restrict volt = c(kVolt);
    const T* __restrict ispkthr = c(kIspkthr);
    const T* __restrict dt = c(kDt);
    const T attached = s.detach_reset ? T(0) : T(0.5);  // a count of 0 or 1 is a tie of its clip
    const T per_nat = s.surrogate == kPiecewiseLinear ? T(0) : T(1);
    T* __restrict out = constants_bar;
#pragma omp simd
    for (size_t i = 0; i < n; ++i) {
      // The step once more.
      const T raw_a = ahp_decay[i] * iahp_[i] + ahp_jump[i] * spikes_[i];
      const T a = larger(raw_a, io[i]);
      T gate = T(0), excitation = ampa[i], inhibition = T(0), ileak = itau[i] + a;
      if constexpr (kAll) {
        gate = T(1) / (T(1) + if_nmda[i] / imem_[i]);
        excitation += nmda[i] * gate;
        inhibition = shunt[i];
        ileak += gaba[i];
      }
      const T active = timer_[i] == T(0) ? T(1) : T(0);
      const T free = excitation - inhibition + idc[i] - ileak;
      const T input = timer_[i] == T(0) ? free : T(0);
      const T iin = larger(input, io[i]);
      const T growth = exponential(feedback[i] * vmem_[i]);
      const T ia = io[i] * growth;
      const T leaving = T(1) + a * inv_itau[i];
      const T pull = ratio[i] * (iin - ileak) - imem_[i] * leaving;
      const T inverse = T(1) / (imem_[i] + igain[i]);
      const T slope_ = ia + ileak * pull * inverse;
      const T raw = imem_[i] + rate[i] * imem_[i] * slope_;
      const T m = peak[i], v = vmem[i], count = spikes[i];
      // Reset, spikes, voltage, lower bound.
      const T fired = count > T(1) ? T(1) : count;
      T s_bar = spikes_bar[i], m_bar = imem_bar[i] * (T(1) - fired);
      T io_bar = imem_bar[i] * fired;
      s_bar += (count > T(1) ? T(0) : attached) * imem_bar[i] * (io[i] - m);
      m_bar += s_bar * slope[i] + vmem_bar[i] * volt[i] / m;
      io_bar -= vmem_bar[i] * volt[i] / io[i];
      const T through = passes(raw, io[i]);
      const T raw_bar = m_bar * through;
      io_bar += m_bar * (T(1) - through);
      // Membrane equation.
      const T slope_bar = raw_bar * rate[i] * imem_[i];
      const T pull_bar = slope_bar * ileak * inverse;
      const T inverse_bar = -slope_bar * ileak * pull * inverse * inverse;
      T i_bar = raw_bar * (T(1) + rate[i] * slope_) + inverse_bar - pull_bar * leaving;
      const T ia_bar = slope_bar * ia;
      const T in_through = passes(input, io[i]);
      const T iin_bar = pull_bar * ratio[i];
      const T free_bar = iin_bar * in_through * active;
      io_bar += iin_bar * (T(1) - in_through) + slope_bar * growth;
      const T ileak_bar = slope_bar * pull * inverse - iin_bar - free_bar;
      const T a_bar = iahp_bar[i] + ileak_bar - pull_bar * imem_[i] * inv_itau[i];
      const T a_through = passes(raw_a, io[i]);
      const T raw_a_bar = a_bar * a_through;
      io_bar += a_bar * (T(1) - a_through);
      ampa_bar[i] += free_bar;
      if constexpr (kAll) {
        nmda_bar[i] += free_bar * gate;
        shunt_bar[i] -= free_bar;
        gaba_bar[i] += ileak_bar;
        i_bar += free_bar * nmda[i] * gate * gate * (if_nmda[i] / imem_[i]) / imem_[i];
      }
      // Refractory timer.
      const T timer = timer_bar[i];
      const T left_bar = count > T(0) ? T(0) : timer * passes(timer_[i] - dt[i], T(0));
      if constexpr (kConstants) {
        out[kAhpDecay * n + i] += raw_a_bar * iahp_[i];
        out[kAhpJump * n + i] += raw_a_bar * spikes_[i];
        out[kIo * n + i] += io_bar;
        out[kIdc * n + i] += free_bar;
        out[kItau * n + i] += ileak_bar;
        out[kIgain * n + i] += inverse_bar;
        out[kRatio * n + i] += pull_bar * (iin - ileak);
        out[kInvItau * n + i] -= pull_bar * imem_[i] * a;
        out[kRate * n + i] += raw_bar * imem_[i] * slope_;
        out[kFeedback * n + i] += ia_bar * vmem_[i];
        out[kVolt * n + i] += vmem_bar[i] * v / volt[i];
        out[kIspkthr * n + i] -= per_nat * s_bar * slope[i] * m / ispkthr[i];
        out[kTref * n + i] += count > T(0) ? timer : T(0);
        out[kDt * n + i] -= left_bar;
        if constexpr (kAll)
          out[kIfNmda * n + i] -= free_bar * nmda[i] * gate * gate / imem_[i];
      }
      iahp_bar[i] = raw_a_bar * ahp_decay[i];
      imem_bar[i] = i_bar;
      vmem_bar[i] = ia_bar * feedback[i];
      spikes_bar[i] = raw_a_bar * ahp_jump[i];
      timer_bar[i] = left_bar;
    }
  }

  T* bar_of(T* bar, Type t, T* unused) const {
    return s.row_of[t] < 0 ? unused : bar + s.row_of[t] * s.n;
  }

  // The transposed derivative of `charge`, from `bar` to itself and to what arrived.
  template <bool kConstants>
  void charge_transposed(const T* state, const T* arriving, T* bar, T* arriving_bar,
                         T* constants_bar) const {
    for (size_t k = 0; k < s.synapses; ++k) {
      const T* __restrict gain = syn(k, kGain);
      const T* __restrict floor = syn(k, kFloor);
      const T* __restrict decay = syn(k, kDecay);
      const T* __restrict charge = syn(k, kCharge);
      const T* __restrict before = state + k * s.n;
      const T* __restrict in = arriving + k * s.n;
      T* __restrict isyn_bar = bar + k * s.n;
      T* __restrict in_bar = arriving_bar + k * s.n;
      T* __restrict out = constants_bar + k * kPerSynapse * s.n;
#pragma omp simd
      for (size_t i = 0; i < s.n; ++i) {
        const T drive = gain[i] * in[i], through = passes(drive, floor[i]);
        const T steady_bar = isyn_bar[i] * charge[i];
        in_bar[i] = steady_bar * through * gain[i];
        if constexpr (kConstants) {
          out[kGain * s.n + i] += steady_bar * through * in[i];
          out[kFloor * s.n + i] += steady_bar * (T(1) - through);
          out[kDecay * s.n + i] += isyn_bar[i] * before[i];
          out[kCharge * s.n + i] += isyn_bar[i] * larger(drive, floor[i]);
        }
        isyn_bar[i] *= decay[i];
      }
    }
  }

  const Setting& s;
  std::vector<T> zeros;
  const T* constants;
};

}  // namespace
}  // namespace eqpool

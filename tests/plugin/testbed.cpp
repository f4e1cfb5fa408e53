// Testbed: a VST3 instrument for tests of plugin hosts, well-behaved or misbehaving on demand.
//
// Its 16 parameters show in pedalboard under the names of the paper's Table 1. Behind them: two
// wavetable oscillators and noise, a low pass (envelope 1 on its cutoff), a high pass, envelope
// 4 on the level, a reverb. One voice; the sound depends on the values and the notes alone, to
// the last bit, whatever the sizes of the host's blocks and whatever was played before a reset.
//
// The environment variable TESTBED, read when an instance is made, holds misbehaviours, with
// commas between them. A "note" is a note-on, counted over the whole process, without those of
// the trial that pedalboard plays on every new instance.
//
//   crash@N hang@N nan@N   segmentation fault, endless sleep, NaN as sound, at the N-th note
//   drift@N                1 % out of tune from the N-th note to the end of the process
//   crash>NAME=X           segmentation fault at every note while NAME > X (in trials, too)
//   storm:DIR              one note in eight takes a file from DIR and does what its name says:
//                          crash-*, hang-*, nan-*, drift-*, leak-* (300 MB)
//   work@N                 every sound is computed N times: an instrument that is slow
//   leak                   20 MB lost at every note
//   silence                the output is 0
//   lfo, lfo-global        a hidden vibrato that no reset stops, of the instance or the process
//   tail                   a reverb of 15 s that no reset clears
//   revert                 osc2_pitch falls back to its default after a state was loaded
//   stuck                  osc2_pitch keeps its default
//   snap                   values are rounded to multiples of 0.01
//   midi-cc, midi-cc-dpf   2,000 more parameters, named as by JUCE or by DPF
//   slow-load              2 s for a new instance
//   no-state, ignore-state states are neither given nor taken; taken without effect
//   effect                 declares itself an effect
//   kinds                  a switch, a choice and a whole number more: noise, filter 1, octave
//
// Structures and interface ids are those of DPF's "travesty" headers (Debian: dpf-source).

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "travesty/audio_processor.h"
#include "travesty/component.h"
#include "travesty/edit_controller.h"
#include "travesty/factory.h"

namespace testbed {

// ---------------------------------------------------------------------------- parameters

enum Knob {
  kOsc1Position, kOsc1Amp, kOsc2Pitch, kOsc2Position, kOsc2Amp, kNoiseAmp,
  kLowPassCutoff, kLowPassResonance, kHighPassCutoff, kHighPassResonance,
  kAmpAttack, kAmpDecay, kSweepAttack, kSweepLevel, kSweepDecay, kReverbMix, kKnobs,
  kNoiseOn = kKnobs, kFilterType, kOctave, kAll
};

struct KnobInfo {
  const char* title;
  float initial;
  int steps = 0;  // The number of the last one; 0 for a knob without.
};

// pedalboard makes identifiers of the titles: lower case, _ for all but letters and digits.
constexpr KnobInfo kKnobInfo[kAll] = {
    {"Osc1-Position", 0.2f},     {"Osc1-Amp", 0.8f},          {"Osc2-Pitch", 0.5f},
    {"Osc2-Position", 0.4f},     {"Osc2-Amp", 0.4f},          {"Noise-Amp", 0.1f},
    {"Filter1-Cut Prm 1", 0.6f}, {"Filter1-Res Prm 3", 0.3f}, {"Filter2-Cut Prm 1", 0.1f},
    {"Filter2-Res Prm 3", 0.2f}, {"Envelope4-Att Tme", 0.2f}, {"Envelope4-Dec Tme", 0.6f},
    {"Envelope1-Att Tme", 0.3f}, {"Envelope1-Att Lev", 0.4f}, {"Envelope1-Dec Tme", 0.5f},
    {"Master FX2-Dry/Wet", 0.2f}, {"Noise-On", 1.0f, 1},      {"Filter1-Type", 0.0f, 2},
    {"Octave", 0.5f, 4}};
constexpr const char* kFilterTypes[] = {"Low Pass", "Band Pass", "High Pass"};

// The knob that pedalboard shows under this name, or -1.
int knob_named(const std::string& name) {
  for (int knob = 0; knob < kKnobs; ++knob) {
    std::string shown = kKnobInfo[knob].title;
    for (char& c : shown)
      c = std::isalnum(c) ? static_cast<char>(std::tolower(c)) : '_';
    if (shown == name) return knob;
  }
  return -1;
}

// ---------------------------------------------------------------------------- sound

constexpr double kPi = 3.14159265358979323846;
constexpr int kCycle = 2048;  // samples of a table, one cycle
constexpr int kTick = 16;     // samples from one look at envelopes and parameters to the next

// sin(h x) and sin((h - 1) x) over half a cycle of x, at first of h = 1.
struct Sines {
  float now[kCycle / 2], before[kCycle / 2] = {}, twice_cos[kCycle / 2];
  Sines() {
    for (int i = 0; i < kCycle / 2; ++i) {
      now[i] = static_cast<float>(std::sin(2 * kPi * i / kCycle));
      twice_cos[i] = static_cast<float>(2 * std::cos(2 * kPi * i / kCycle));
    }
  }
};

// A table made of as many sine waves as fit under half the sample rate. Along `position`, one
// kind opens from odd harmonics to a bright sawtooth, the other sweeps a formant.
class Oscillator {
 public:
  explicit Oscillator(int kind) : kind_(kind) {}
  void restart() { phase_ = 0; }
  void set(double cycles_per_sample, float position) {
    const double rate = std::min(cycles_per_sample, 0.49);
    step_ = static_cast<uint32_t>(rate * 4294967296.0);
    const int harmonics = std::min(static_cast<int>(0.5 / rate), 128);
    if (harmonics != harmonics_ || position != position_) fill(harmonics, position);
  }
  float next() {
    const uint32_t i = phase_ >> 21;
    const float part = static_cast<float>(phase_ & 0x1fffff) * (1.0f / 2097152.0f);
    phase_ += step_;
    return cycle_[i] + part * (cycle_[i + 1] - cycle_[i]);
  }

 private:
  float harmonic(int h, float position) const {
    const float order = static_cast<float>(h), centre = 1 + 22 * position * position;
    if (kind_ == 0) return (h % 2 ? 1 : position) * std::pow(order, 1.8f * position - 2.6f);
    const float off = (order - centre) / (1.5f + 0.2f * centre);
    return 0.15f / order + std::exp(-off * off);
  }
  // By sin((h + 1) x) = 2 cos(x) sin(h x) - sin((h - 1) x), for half a cycle: it is odd.
  void fill(int harmonics, float position) {
    static const Sines first;
    harmonics_ = harmonics, position_ = position;
    std::fill(cycle_, cycle_ + kCycle + 1, 0.0f);
    Sines sines = first;
    float power = 0;
    for (int h = 1; h <= harmonics; ++h) {
      const float gain = harmonic(h, position);
      power += gain * gain;
      for (int i = 0; i < kCycle / 2; ++i) {
        cycle_[i] += gain * sines.now[i];
        const float next = sines.twice_cos[i] * sines.now[i] - sines.before[i];
        sines.before[i] = sines.now[i], sines.now[i] = next;
      }
    }
    const float scale = 0.5f / std::sqrt(power);
    for (int i = 0; i < kCycle / 2; ++i) cycle_[kCycle - i] = -(cycle_[i] *= scale);
  }
  int kind_, harmonics_ = 0;
  float position_ = -1, cycle_[kCycle + 1];
  uint32_t phase_ = 0, step_ = 0;
};

// Trapezoidal state variable filter (Zavalishin, The Art of VA Filter Design, chapter 4).
class Filter {
 public:
  void restart() { s1_ = s2_ = 0; }
  void set(float hz, float resonance, double sample_rate) {
    if (hz == hz_ && resonance == resonance_ && sample_rate == rate_) return;
    hz_ = hz, resonance_ = resonance, rate_ = sample_rate;
    g_ = std::tan(static_cast<float>(kPi * std::min(hz / sample_rate, 0.45)));
    damping_ = 2 - 1.9f * resonance;
    scale_ = 1 / (1 + damping_ * g_ + g_ * g_);
  }
  void step(float x, float* low, float* high, float* band_out = nullptr) {
    *high = (x - (damping_ + g_) * s1_ - s2_) * scale_;
    const float v1 = g_ * *high, band = v1 + s1_;
    s1_ = band + v1;
    const float v2 = g_ * band;
    *low = v2 + s2_;
    s2_ = *low + v2;
    if (band_out) *band_out = band;
  }

 private:
  double rate_ = 0;
  float hz_ = -1, resonance_ = -1, g_ = 0, damping_ = 2, scale_ = 1, s1_ = 0, s2_ = 0;
};

// Straight up to 1, then towards `sustain`; after `release`, to 0. Straight between ticks.
class Envelope {
 public:
  void start() { stage_ = kAttack, value_ = slope_ = 0; }
  void release() { if (stage_ != kIdle) stage_ = kRelease; }
  void stop() { stage_ = kIdle, value_ = slope_ = 0; }
  bool idle() const { return stage_ == kIdle; }
  float value() const { return value_; }
  float next() { return value_ += slope_; }
  void tick(float attack_s, float decay_s, float sustain, double sample_rate) {
    const float dt = static_cast<float>(kTick / sample_rate);
    // Sixteen steps may sum to a little less than their goal.
    if (stage_ == kAttack && value_ > 0.9999f) stage_ = kDecay;
    if (stage_ == kRelease && value_ < 1e-5f) stop();
    if (stage_ == kIdle) return;
    float goal = std::min(1.0f, value_ + dt / attack_s);
    if (stage_ == kDecay) goal = sustain + (value_ - sustain) * std::exp(-4.6f * dt / decay_s);
    if (stage_ == kRelease) goal = value_ * std::exp(-4.6f * dt / 0.25f);
    slope_ = (goal - value_) * (1.0f / kTick);
  }

 private:
  enum { kIdle, kAttack, kDecay, kRelease } stage_ = kIdle;
  float value_ = 0, slope_ = 0;
};

// Four dampened delay lines that feed each other through a Hadamard matrix. A line reads at
// `at_`, writes further on by its delay, and moves to its front where the room ends.
class Reverb {
 public:
  void prepare(double sample_rate, double seconds) {
    constexpr double kMs[4] = {29.3, 36.1, 43.7, 51.9};
    for (int k = 0; k < 4; ++k) {
      lines_[k].resize(1 + static_cast<size_t>(sample_rate * kMs[k] / 1000) + kRoom);
      gain_[k] = static_cast<float>(0.5 * std::pow(10, -3 * kMs[k] / 1000 / seconds));
    }
    clear();
  }
  void clear() {
    for (auto& line : lines_) std::fill(line.begin(), line.end(), 0.0f);
    at_ = 0;
  }
  // Gives the mix of `x` and its reverberation, at most kTick samples.
  void run(const float* x, float dry, float wet, float* left, float* right, int n) {
    if (at_ + kTick > kRoom) {
      for (auto& line : lines_) std::copy(line.begin() + at_, line.end(), line.begin());
      at_ = 0;
    }
    float y[4][kTick], *in[4];
    for (int k = 0; k < 4; ++k) {
      const float* line = lines_[k].data() + at_;
      in[k] = lines_[k].data() + (lines_[k].size() - kRoom + at_);
      for (int i = 0; i < n; ++i) {
        const float damped = 0.65f * line[i + 1] + 0.35f * line[i];
        // Denormal numbers are slow, and hosts differ in what they do with them: none here.
        y[k][i] = std::fabs(damped) < 1e-15f ? 0.0f : damped;
      }
    }
    for (int i = 0; i < n; ++i) {
      const float a = y[0][i] + y[1][i], b = y[0][i] - y[1][i];
      const float c = y[2][i] + y[3][i], d = y[2][i] - y[3][i];
      in[0][i] = x[i] + gain_[0] * (a + c), in[1][i] = x[i] + gain_[1] * (b + d);
      in[2][i] = x[i] + gain_[2] * (a - c), in[3][i] = x[i] + gain_[3] * (b - d);
      left[i] = dry * x[i] + wet * (b + c), right[i] = dry * x[i] + wet * (a - d);
    }
    at_ += n;
  }

 private:
  static constexpr int kRoom = 2048;
  std::vector<float> lines_[4];
  int at_ = 0;
  float gain_[4] = {};
};

class Voice {
 public:
  float value[kAll];
  double detune = 1;
  uint64_t* vibrato_clock = nullptr;  // samples since the hidden vibrato began
  bool endless_reverb = false;

  Voice() { for (int k = 0; k < kAll; ++k) value[k] = kKnobInfo[k].initial; }
  void prepare(double sample_rate) {
    if (sample_rate != rate_) reverb_.prepare(sample_rate, endless_reverb ? 15 : 1.2);
    rate_ = sample_rate;
    reset();
  }
  void reset() {
    amp_.stop(), sweep_.stop();
    to_tick_ = 0, pitch_ = -1;
    if (!endless_reverb) reverb_.clear();
  }
  // Everything but the reverb starts anew, and ticks count from here.
  void note_on(int pitch, float velocity) {
    pitch_ = pitch, velocity_ = velocity, random_ = 0x2545f491u, to_tick_ = 0;
    osc1_.restart(), osc2_.restart(), low_pass_.restart(), high_pass_.restart();
    amp_.start(), sweep_.start();
  }
  void note_off(int pitch) {
    if (pitch == pitch_) amp_.release(), sweep_.release(), to_tick_ = 0;
  }
  void render(float* left, float* right, int n) {
    for (int done = 0; done < n;) {
      if (to_tick_ == 0) tick();
      const int m = std::min(n - done, to_tick_);
      float dry[kTick] = {};
      if (!amp_.idle()) for (int i = 0; i < m; ++i) dry[i] = sample();
      const float wet = value[kReverbMix];
      reverb_.run(dry, 1 - wet, 0.5f * wet, left + done, right + done, m);
      done += m, to_tick_ -= m;
      if (vibrato_clock) *vibrato_clock += static_cast<uint64_t>(m);
    }
  }

 private:
  void tick() {
    to_tick_ = kTick;
    amp_.tick(attack(kAmpAttack), decay(kAmpDecay), 0.25f, rate_);
    sweep_.tick(attack(kSweepAttack), decay(kSweepDecay), 0, rate_);
    if (amp_.idle()) return;
    const double octave = std::round(4 * value[kOctave]) - 2;
    double rate = 440 * std::exp2((pitch_ - 69) / 12.0 + octave) / rate_ * detune;
    if (vibrato_clock) rate *= 1 + 0.003 * std::sin(*vibrato_clock / rate_ * 2 * kPi * 0.37);
    osc1_.set(rate, value[kOsc1Position]);
    osc2_.set(rate * std::exp2(2.0 * value[kOsc2Pitch] - 1), value[kOsc2Position]);
    const float octaves = 9 * value[kLowPassCutoff] + 6 * value[kSweepLevel] * sweep_.value();
    low_pass_.set(40 * std::exp2(octaves), value[kLowPassResonance], rate_);
    const float high_pass_hz = 20 * std::exp2(7 * value[kHighPassCutoff]);
    high_pass_.set(high_pass_hz, value[kHighPassResonance], rate_);
  }
  float sample() {
    random_ ^= random_ << 13, random_ ^= random_ >> 17, random_ ^= random_ << 5;
    const float noise = static_cast<float>(static_cast<int32_t>(random_)) / 2147483648.0f;
    sweep_.next();
    float out[3], high, unused;  // In the order of kFilterTypes.
    low_pass_.step(gain(kOsc1Amp) * osc1_.next() + gain(kOsc2Amp) * osc2_.next() +
                       gain(kNoiseAmp) * value[kNoiseOn] * noise, &out[0], &out[2], &out[1]);
    high_pass_.step(out[static_cast<int>(std::lround(2 * value[kFilterType]))], &unused, &high);
    return high * amp_.next() * velocity_;
  }
  float gain(Knob k) const { return value[k] * value[k]; }
  float attack(Knob k) const { return 0.001f * std::pow(2000.0f, value[k]); }  // 1 ms to 2 s
  float decay(Knob k) const { return 0.02f * std::pow(400.0f, value[k]); }     // 20 ms to 8 s

  Oscillator osc1_{0}, osc2_{1};
  Filter low_pass_, high_pass_;
  Envelope amp_, sweep_;
  Reverb reverb_;
  double rate_ = 0;
  int pitch_ = -1, to_tick_ = 0;
  uint32_t random_ = 1;
  float velocity_ = 0;
};

// ---------------------------------------------------------------------------- misbehaviour

// What TESTBED asks for: "crash@3,snap" is {"crash@": "3", "snap": ""}.
class Orders {
 public:
  Orders() {
    const char* text = std::getenv("TESTBED");
    std::stringstream words(text ? text : "");
    for (std::string word; std::getline(words, word, ',');) {
      const size_t split = std::min(word.find_first_of("@>:"), word.size() - 1) + 1;
      arguments_[word.substr(0, split)] = word.substr(split);
    }
    const std::string fatal = operator[]("crash>");
    const size_t equals = std::min(fatal.find('='), fatal.size());
    fatal_knob_ = knob_named(fatal.substr(0, equals));
    fatal_above_ = std::atof(fatal.substr(std::min(equals + 1, fatal.size())).c_str());
  }
  bool valid() const {
    for (const auto& [word, argument] : arguments_) {
      const bool known = std::count(std::begin(kWords), std::end(kWords), word) > 0;
      if (known && (word != "crash>" || fatal_knob_ >= 0)) continue;
      std::fprintf(stderr, "testbed: TESTBED has no '%s%s'\n", word.c_str(), argument.c_str());
      return false;
    }
    return true;
  }
  bool has(const char* word) const { return arguments_.count(word) > 0; }
  std::string operator[](const char* word) const {
    return has(word) ? arguments_.at(word) : "";
  }
  bool fatal(const float* value) const {
    return fatal_knob_ >= 0 && value[fatal_knob_] > fatal_above_;
  }

 private:
  static constexpr const char* kWords[] = {
      "crash@", "hang@", "nan@", "drift@", "work@", "crash>", "storm:", "leak", "silence", "lfo",
      "lfo-global", "tail", "revert", "stuck", "snap", "midi-cc", "midi-cc-dpf", "slow-load",
      "no-state", "ignore-state", "effect", "kinds"};
  std::map<std::string, std::string> arguments_;
  int fatal_knob_ = -1;
  double fatal_above_ = 0;
};

// Of the whole process. The library is linked so that nothing unloads it.
long g_notes = 0;
bool g_drifted = false;
uint64_t g_vibrato_clock = 0;

void crash() {
  std::signal(SIGSEGV, SIG_DFL);
  std::raise(SIGSEGV);
}

[[noreturn]] void hang() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

void lose(size_t megabytes) {
  const size_t bytes = megabytes << 20;
  volatile char* lost = static_cast<volatile char*>(std::malloc(bytes));
  for (size_t i = 0; lost && i < bytes; i += 1024) lost[i] = 1;
}

// One time in eight, takes a token from the folder and returns its first word, else "".
std::string draw_token(const std::string& folder) {
  static uint64_t state = static_cast<uint64_t>(getpid()) * 0x9e3779b97f4a7c15u ^
      static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  if (state >> 61 != 0) return "";
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    const size_t dash = name.find('-');
    // Who unlinks it owns it: other processes look here at the same time.
    if (dash == std::string::npos || unlink(entry.path().c_str()) != 0) continue;
    return name.substr(0, dash);
  }
  return "";
}

// ---------------------------------------------------------------------------- VST3

// The interfaces that the host calls, as C++ classes: their tables of functions are laid out as
// VST3 wants them. The host's own are called through travesty's structures.
struct Unknown {
  virtual v3_result query(const v3_tuid iid, void** object) = 0;
  virtual uint32_t add_ref() = 0;
  virtual uint32_t release() = 0;
};

struct PluginBase : Unknown {
  virtual v3_result initialize(v3_funknown**) = 0;
  virtual v3_result terminate() = 0;
};

struct Component : PluginBase {
  virtual v3_result controller_class_id(v3_tuid) = 0;
  virtual v3_result set_io_mode(int32_t) = 0;
  virtual int32_t bus_count(int32_t media, int32_t direction) = 0;
  virtual v3_result bus_info(int32_t media, int32_t direction, int32_t bus, v3_bus_info*) = 0;
  virtual v3_result routing_info(v3_routing_info*, v3_routing_info*) = 0;
  virtual v3_result activate_bus(int32_t, int32_t, int32_t, v3_bool) = 0;
  virtual v3_result set_active(v3_bool) = 0;
  virtual v3_result set_state(v3_bstream**) = 0;
  virtual v3_result get_state(v3_bstream**) = 0;
};

struct Processor : Unknown {
  using Buses = v3_speaker_arrangement*;
  virtual v3_result set_bus_arrangements(Buses, int32_t inputs, Buses, int32_t outputs) = 0;
  virtual v3_result bus_arrangement(int32_t direction, int32_t bus, Buses) = 0;
  virtual v3_result can_process_sample_size(int32_t) = 0;
  virtual uint32_t latency_samples() = 0;
  virtual v3_result setup_processing(v3_process_setup*) = 0;
  virtual v3_result set_processing(v3_bool) = 0;
  virtual v3_result process(v3_process_data*) = 0;
  virtual uint32_t tail_samples() = 0;
};

struct Controller : PluginBase {
  virtual v3_result set_component_state(v3_bstream**) = 0;
  virtual v3_result set_state(v3_bstream**) = 0;
  virtual v3_result get_state(v3_bstream**) = 0;
  virtual int32_t parameter_count() = 0;
  virtual v3_result parameter_info(int32_t, v3_param_info*) = 0;
  virtual v3_result string_of(v3_param_id, double, int16_t*) = 0;
  virtual v3_result value_of(v3_param_id, int16_t*, double*) = 0;
  virtual double plain(v3_param_id, double) = 0;
  virtual double normalised(v3_param_id, double) = 0;
  virtual double get_parameter(v3_param_id) = 0;
  virtual v3_result set_parameter(v3_param_id, double) = 0;
  virtual v3_result set_component_handler(v3_component_handler**) = 0;
  virtual void* create_view(const char*) = 0;
};

struct FactoryInterface : Unknown {
  virtual v3_result factory_info(v3_factory_info*) = 0;
  virtual int32_t class_count() = 0;
  virtual v3_result class_info(int32_t, v3_class_info*) = 0;
  virtual v3_result create_instance(const v3_tuid class_id, const v3_tuid iid, void**) = 0;
  virtual v3_result class_info_2(int32_t, v3_class_info_2*) = 0;
};

constexpr v3_tuid kClassId = V3_ID(0x54657374, 0x62656453, 0x796e7468, 0x31360001);
constexpr v3_speaker_arrangement kStereo = V3_SPEAKER_L | V3_SPEAKER_R;
// JUCE, so pedalboard, sends MIDI controllers without a parameter of their own to parameter 0.
constexpr v3_param_id kFirstId = 100;
constexpr v3_param_id kFirstMidiId = 10000;

int knob_of(v3_param_id id) {
  return id >= kFirstId && id < kFirstId + kAll ? static_cast<int>(id - kFirstId) : -1;
}

void widen(const char* text, int16_t* out) {
  do *out++ = *text;
  while (*text++);
}

// What a saved state is: these twelve bytes and the values.
struct State {
  char magic[4] = {'T', 'B', 'E', 'D'};
  uint32_t version = 1, count = kKnobs;
  float value[kAll] = {};
  int32_t size() const { return static_cast<int32_t>(12 + sizeof(float) * count); }
};

class Instrument final : public Component, public Processor, public Controller {
 public:
  const Orders orders;

  Instrument() {
    for (int k = 0; k < kAll; ++k) value_[k] = kKnobInfo[k].initial;
    if (orders.has("slow-load")) std::this_thread::sleep_for(std::chrono::seconds(2));
    if (orders.has("lfo")) voice_.vibrato_clock = &vibrato_clock_;
    if (orders.has("lfo-global")) voice_.vibrato_clock = &g_vibrato_clock;
    voice_.endless_reverb = orders.has("tail");
  }

  // Unknown, PluginBase
  v3_result query(const v3_tuid iid, void** object) override {
    *object = nullptr;
    if (v3_tuid_match(iid, v3_audio_processor_iid)) *object = static_cast<Processor*>(this);
    if (v3_tuid_match(iid, v3_edit_controller_iid)) *object = static_cast<Controller*>(this);
    if (v3_tuid_match(iid, v3_funknown_iid) || v3_tuid_match(iid, v3_plugin_base_iid) ||
        v3_tuid_match(iid, v3_component_iid)) *object = static_cast<Component*>(this);
    return *object ? (add_ref(), V3_OK) : V3_NO_INTERFACE;
  }
  uint32_t add_ref() override { return ++references_; }
  uint32_t release() override {
    const uint32_t left = --references_;
    if (left == 0) delete this;
    return left;
  }
  v3_result initialize(v3_funknown**) override { return V3_OK; }
  v3_result terminate() override { return set_component_handler(nullptr); }

  // Component
  v3_result controller_class_id(v3_tuid) override { return V3_NOT_IMPLEMENTED; }
  v3_result set_io_mode(int32_t) override { return V3_OK; }
  int32_t bus_count(int32_t media, int32_t direction) override {
    return direction == (media == V3_AUDIO ? V3_OUTPUT : V3_INPUT) ? 1 : 0;
  }
  v3_result bus_info(int32_t media, int32_t way, int32_t bus, v3_bus_info* info) override {
    if (bus >= bus_count(media, way)) return V3_INVALID_ARG;
    *info = {media, way, media == V3_AUDIO ? 2 : 16, {}, V3_MAIN, V3_DEFAULT_ACTIVE};
    widen(media == V3_AUDIO ? "Stereo" : "Notes", info->bus_name);
    return V3_OK;
  }
  v3_result routing_info(v3_routing_info*, v3_routing_info*) override { return V3_FALSE; }
  v3_result activate_bus(int32_t, int32_t, int32_t, v3_bool) override { return V3_OK; }
  v3_result set_active(v3_bool active) override {
    if (active) voice_.prepare(rate_);
    if (!active && played_) trial_ = false;
    return V3_OK;
  }
  v3_result set_state(v3_bstream** stream) override {
    State state;
    int32_t got = 0;
    const uint32_t count = static_cast<uint32_t>(knobs());
    state.count = count;
    if (orders.has("no-state") || !stream) return V3_NOT_IMPLEMENTED;
    if (v3_cpp_obj(stream)->read(stream, &state, state.size(), &got) || state.count != count ||
        std::memcmp(&state, State().magic, 4) || state.version != 1 || got != state.size())
      return V3_FALSE;
    if (orders.has("ignore-state")) return V3_OK;
    for (int k = 0; k < knobs(); ++k) take(k, state.value[k]);
    revert_ = orders.has("revert");
    return values_changed();
  }
  v3_result get_state(v3_bstream** stream) override {
    State state;
    int32_t written = 0;
    state.count = static_cast<uint32_t>(knobs());
    std::copy(value_, value_ + knobs(), state.value);
    if (orders.has("no-state") || !stream) return V3_NOT_IMPLEMENTED;
    return v3_cpp_obj(stream)->write(stream, &state, state.size(), &written);
  }

  // Processor
  v3_result set_bus_arrangements(Buses, int32_t inputs, Buses out, int32_t outputs) override {
    return inputs == 0 && outputs == 1 && out[0] == kStereo ? V3_OK : V3_FALSE;
  }
  v3_result bus_arrangement(int32_t direction, int32_t bus, Buses out) override {
    if (bus >= bus_count(V3_AUDIO, direction)) return V3_INVALID_ARG;
    *out = kStereo;
    return V3_OK;
  }
  v3_result can_process_sample_size(int32_t size) override {
    return size == V3_SAMPLE_32 ? V3_OK : V3_FALSE;
  }
  uint32_t latency_samples() override { return 0; }
  v3_result setup_processing(v3_process_setup* setup) override {
    rate_ = setup->sample_rate;
    block_size_ = setup->max_block_size;
    voice_.prepare(rate_);
    return V3_OK;
  }
  v3_result set_processing(v3_bool) override {
    spoilt_ = false;
    voice_.reset();
    return V3_OK;
  }
  v3_result process(v3_process_data* data) override {
    take_changes(data->input_params);
    if (data->nframes <= 0 || data->num_output_buses < 1) return V3_OK;
    float** out = data->outputs[0].channel_buffers_32;
    data->outputs[0].channel_silence_bitset = 0;
    int at = 0;
    const auto play_until = [&](int end) {
      if (end > at) play(out[0] + at, out[1] + at, end - at), at = end;
    };
    v3_event event;
    v3_event_list** events = data->input_events;
    const uint32_t count = events ? v3_cpp_obj(events)->get_event_count(events) : 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (v3_cpp_obj(events)->get_event(events, static_cast<int32_t>(i), &event)) continue;
      play_until(std::min(event.sample_offset, data->nframes));
      if (event.type == V3_EVENT_NOTE_ON) note_on(event.note_on.pitch, event.note_on.velocity);
      if (event.type == V3_EVENT_NOTE_OFF) voice_.note_off(event.note_off.pitch);
    }
    play_until(data->nframes);
    return V3_OK;
  }
  uint32_t tail_samples() override { return 0xffffffff; }

  // Controller
  v3_result set_component_state(v3_bstream** stream) override { return set_state(stream); }
  int32_t parameter_count() override {
    return knobs() + (orders.has("midi-cc") || orders.has("midi-cc-dpf") ? 2000 : 0);
  }
  v3_result parameter_info(int32_t index, v3_param_info* info) override {
    if (index < 0 || index >= parameter_count()) return V3_INVALID_ARG;
    *info = {};
    const int midi = index - knobs();
    char title[32];
    if (midi < 0) {
      std::snprintf(title, sizeof title, "%s", kKnobInfo[index].title);
      info->param_id = kFirstId + static_cast<v3_param_id>(index);
      info->default_normalised_value = kKnobInfo[index].initial;
      info->step_count = kKnobInfo[index].steps;
      info->flags = V3_PARAM_CAN_AUTOMATE;
    } else {
      const bool dpf = orders.has("midi-cc-dpf");
      const char* style = dpf ? "MIDI Ch. %d CC %d" : "MIDI CC %d|%d";
      std::snprintf(title, sizeof title, style, midi / 125 + dpf, midi % 125);
      info->param_id = kFirstMidiId + static_cast<v3_param_id>(midi);
    }
    widen(title, info->title);
    widen(title, info->short_title);
    return V3_OK;
  }
  v3_result string_of(v3_param_id id, double value, int16_t* out) override {
    char text[32];
    const int knob = knob_of(id), step = static_cast<int>(std::lround(2 * value));
    std::snprintf(text, sizeof text, "%.6f", value);
    if (knob == kNoiseOn) std::snprintf(text, sizeof text, "%s", value < 0.5 ? "Off" : "On");
    if (knob == kFilterType) std::snprintf(text, sizeof text, "%s", kFilterTypes[step]);
    if (knob == kOctave) std::snprintf(text, sizeof text, "%ld", std::lround(4 * value) - 2);
    widen(text, out);
    return V3_OK;
  }
  v3_result value_of(v3_param_id, int16_t* in, double* out) override {
    *out = std::atof(std::string(in, std::find(in, in + 128, 0)).c_str());
    return V3_OK;
  }
  double plain(v3_param_id, double value) override { return value; }
  double normalised(v3_param_id, double value) override { return value; }
  double get_parameter(v3_param_id id) override {
    return knob_of(id) < 0 ? 0.0 : value_[knob_of(id)].load();
  }
  v3_result set_parameter(v3_param_id id, double value) override {
    if (knob_of(id) >= 0) take(knob_of(id), static_cast<float>(value));
    return V3_OK;
  }
  v3_result set_component_handler(v3_component_handler** handler) override {
    if (handler) v3_cpp_obj_ref(handler);
    if (handler_) v3_cpp_obj_unref(handler_);
    handler_ = handler;
    return V3_OK;
  }
  void* create_view(const char*) override { return nullptr; }

 private:
  int knobs() const { return orders.has("kinds") ? kAll : kKnobs; }
  // Sets a value as far as this instrument lets one be set.
  void take(int knob, float value) {
    value = std::min(std::max(value, 0.0f), 1.0f);
    const float steps = static_cast<float>(kKnobInfo[knob].steps);
    if (steps > 0) value = std::round(value * steps) / steps;
    if (orders.has("snap")) value = std::round(value * 100) / 100;
    if (orders.has("stuck") && knob == kOsc2Pitch) value = kKnobInfo[knob].initial;
    value_[knob] = value;
  }
  // JUCE, so pedalboard, keeps a copy of the values and would write the old ones back.
  v3_result values_changed() {
    if (!handler_) return V3_OK;
    return v3_cpp_obj(handler_)->restart_component(handler_, V3_RESTART_PARAM_VALUES_CHANGED);
  }
  void take_changes(v3_param_changes** changes) {
    bool differs = false;
    const int32_t count = changes ? v3_cpp_obj(changes)->get_param_count(changes) : 0;
    for (int32_t i = 0; i < count; ++i) {
      v3_param_value_queue** queue = v3_cpp_obj(changes)->get_param_data(changes, i);
      const int knob = knob_of(v3_cpp_obj(queue)->get_param_id(queue));
      const int32_t last = v3_cpp_obj(queue)->get_point_count(queue) - 1;
      int32_t offset;
      double value;
      if (knob < 0 || v3_cpp_obj(queue)->get_point(queue, last, &offset, &value)) continue;
      take(knob, static_cast<float>(value));
      differs = differs || value_[knob] != static_cast<float>(value);
    }
    if (revert_) value_[kOsc2Pitch] = kKnobInfo[kOsc2Pitch].initial;
    if (revert_ || differs) values_changed();
    revert_ = false;
    std::copy(value_, value_ + kAll, voice_.value);
  }
  void note_on(int pitch, float velocity) {
    played_ = true, spoilt_ = false;
    if (orders.fatal(voice_.value)) crash();
    // pedalboard's trial is the first an instance plays, in blocks of this size.
    if (!trial_ || block_size_ != 2048) {
      const std::string now = std::to_string(++g_notes);
      const std::string token = orders.has("storm:") ? draw_token(orders["storm:"]) : "";
      if (token == "crash" || orders["crash@"] == now) crash();
      if (token == "hang" || orders["hang@"] == now) hang();
      if (token == "nan" || orders["nan@"] == now) spoilt_ = true;
      if (token == "drift" || orders["drift@"] == now) g_drifted = true;
      if (token == "leak") lose(300);
      if (orders.has("leak")) lose(20);
    }
    voice_.detune = g_drifted ? 1.01 : 1;
    voice_.note_on(pitch, velocity);
  }
  void play(float* left, float* right, int n) {
    for (int i = std::atoi(orders["work@"].c_str()); i > 1; i--) Voice(voice_).render(left, right, n);
    voice_.render(left, right, n);
    if (!spoilt_ && !orders.has("silence")) return;
    const float instead = spoilt_ ? std::numeric_limits<float>::quiet_NaN() : 0.0f;
    std::fill(left, left + n, instead);
    std::fill(right, right + n, instead);
  }

  std::atomic<uint32_t> references_{1};
  std::atomic<float> value_[kAll];
  v3_component_handler** handler_ = nullptr;
  double rate_ = 44100;
  int32_t block_size_ = 0;
  uint64_t vibrato_clock_ = 0;
  bool trial_ = true, played_ = false, spoilt_ = false, revert_ = false;
  Voice voice_;
};

class Factory final : public FactoryInterface {
 public:
  v3_result query(const v3_tuid iid, void** object) override {
    const bool known = v3_tuid_match(iid, v3_funknown_iid) ||
                       v3_tuid_match(iid, v3_plugin_factory_iid) ||
                       v3_tuid_match(iid, v3_plugin_factory_2_iid);
    *object = known ? this : nullptr;
    return known ? V3_OK : V3_NO_INTERFACE;
  }
  uint32_t add_ref() override { return 1; }
  uint32_t release() override { return 1; }
  v3_result factory_info(v3_factory_info* info) override {
    *info = {"synthmatch", "", "", 0x10};
    return V3_OK;
  }
  int32_t class_count() override { return 1; }
  v3_result class_info(int32_t, v3_class_info* info) override {
    *info = {{}, 0x7fffffff, "Audio Module Class", "Testbed"};
    std::memcpy(info->class_id, kClassId, sizeof kClassId);
    return V3_OK;
  }
  v3_result class_info_2(int32_t, v3_class_info_2* info) override {
    *info = {{}, 0x7fffffff, "Audio Module Class", "Testbed", 0, "Instrument|Synth",
             "synthmatch", "1.0.0", "VST 3.7.4"};
    if (Orders().has("effect")) std::strcpy(info->sub_categories, "Fx");
    std::memcpy(info->class_id, kClassId, sizeof kClassId);
    return V3_OK;
  }
  v3_result create_instance(const v3_tuid class_id, const v3_tuid iid, void** object) override {
    *object = nullptr;
    if (!v3_tuid_match(class_id, kClassId)) return V3_NO_INTERFACE;
    auto* instrument = new Instrument;
    if (instrument->orders.valid()) instrument->query(iid, object);
    instrument->release();
    return *object ? V3_OK : V3_NO_INTERFACE;
  }
};

}  // namespace testbed

#define PUBLIC extern "C" __attribute__((visibility("default")))

PUBLIC void* GetPluginFactory() {
  static testbed::Factory factory;
  return &factory;
}
PUBLIC bool ModuleEntry(void*) { return true; }
PUBLIC bool ModuleExit() { return true; }

// The sound without any host: `note_samples` with the key down, then up, `n` in all.
PUBLIC void testbed_render(const float* values, int pitch, int velocity, int note_samples,
                           int n, double sample_rate, float* left, float* right) {
  testbed::Voice voice;
  std::copy(values, values + testbed::kKnobs, voice.value);
  voice.prepare(sample_rate);
  voice.note_on(pitch, static_cast<float>(velocity) / 127.0f);
  const int held = std::min(note_samples, n);
  voice.render(left, right, held);
  voice.note_off(pitch);
  voice.render(left + held, right + held, n - held);
}

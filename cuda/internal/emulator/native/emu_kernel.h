// Kernels by name, with the types of their parameters.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

struct bf16;

namespace emu {

// Type is a parameter's: a letter, with * before it for a pointer to such elements.
struct Type {
  char text[3];
};

template <typename T>
constexpr char letter() {
  if constexpr (std::is_same_v<T, float>)
    return 'f';
  else if constexpr (std::is_same_v<T, bf16>)
    return 'h';
  else {
    static_assert(std::is_integral_v<T>, "parameters are pointers and numbers");
    return sizeof(T) == 8 ? 'l' : sizeof(T) == 4 ? 'i' : sizeof(T) == 2 ? 'h' : 'b';
  }
}

template <typename P>
constexpr Type type() {
  if constexpr (std::is_pointer_v<P>)
    return {{'*', letter<std::remove_cv_t<std::remove_pointer_t<P>>>(), 0}};
  else
    return {{letter<P>(), 0, 0}};
}

struct Kernel {
  const char* name;
  const char* file;
  unsigned threads; // at most, of a block
  int parameters;
  const Type* types;
  void (*call)(void* const parameters[]);
  const Kernel* next;

  size_t size(int parameter) const {
    return types[parameter].text[0] == '*' || types[parameter].text[0] == 'l' ? 8 : 4;
  }
};

void enlist(Kernel*);

template <auto F>
struct Registration;

template <typename... P, void (*F)(P...)>
struct Registration<F> {
  Registration(const char* name, const char* file, unsigned threads) {
    static constexpr Type types[] = {type<P>()..., {}};
    static Kernel kernel = {name, file, threads, sizeof...(P), types, call, nullptr};
    enlist(&kernel);
  }

  static void call(void* const parameters[]) { spread(parameters, std::index_sequence_for<P...>()); }

  template <size_t... I>
  static void spread(void* const parameters[], std::index_sequence<I...>) {
    F(*static_cast<P*>(parameters[I])...);
  }
};

} // namespace emu

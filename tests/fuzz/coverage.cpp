/// GCC calls these for comparisons of floating-point numbers; libFuzzer has none.
extern "C" {
void __sanitizer_cov_trace_cmpf(float, float) {}
void __sanitizer_cov_trace_cmpd(double, double) {}
}

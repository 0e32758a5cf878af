/* The normal and Student's t distribution. NAN in, or a probability outside (0,1), gives NAN. */
#ifndef CB_RESULTS_DIST_H
#define CB_RESULTS_DIST_H

double cb_norm_cdf(double z);
double cb_norm_ppf(double p); /* Wichura AS241, 16 digits */
/* Regularised incomplete beta function I_x(a,b). */
double cb_ibeta(double a, double b, double x);
double cb_t_sf(double t, double df); /* P(T > t) */
double cb_t_ppf(double p, double df);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotation and scaling of the heart's vector (3KG; Gopal et al. 2021, arXiv 2106.04452): the eight independent leads are projected to
 * the vectorcardiogram by the inverse Dower matrix D (Edenbrandt & Pahlm 1988), turned (Euler angles z y x), scaled per axis, and
 * projected back by the pseudo-inverse of D; the other limb leads are computed anew. x' = D+ S R D x.
 */
#include <math.h>

#include "augment/members.h"
#include "augment/tools.h"

enum { LEADS = 8 };

static const char *const lead_names[LEADS] = {"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"};
static const double dower[3][LEADS] = {
    {0.156, -0.009, -0.172, -0.073, 0.122, 0.231, 0.239, 0.193},
    {-0.227, 0.886, 0.057, -0.019, -0.106, -0.022, 0.040, 0.048},
    {0.021, 0.102, -0.228, -0.310, -0.245, -0.063, 0.054, 0.108},
};

static const config_key keys[] = {
    {"augment.vcg_rotation.angle", CONFIG_REAL, "45", 0, 180, NULL, "largest angle about each axis, in degrees"},
    {"augment.vcg_rotation.scale", CONFIG_REAL, "1.5", 1, 10, NULL, "largest factor of each axis; drawn from 1 on"},
};

static void multiply3(double a[3][3], double b[3][3], double out[3][3])
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

static void invert3(double m[3][3], double out[3][3])
{
    double determinant = 0;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) { /* cofactors, cyclic indices carry the sign */
            int a = (i + 1) % 3, b = (i + 2) % 3, c = (j + 1) % 3, d = (j + 2) % 3;
            out[j][i] = m[a][c] * m[b][d] - m[a][d] * m[b][c];
        }
    for (int j = 0; j < 3; j++) determinant += m[0][j] * out[j][0];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) out[i][j] /= determinant;
}

/* R = Rz Ry Rx, then each axis times its factor */
static void draw_motion(const pclr_config *config, rng *random, double motion[3][3])
{
    double largest = config_real(config, "augment.vcg_rotation.angle") * 3.14159265358979323846 / 180;
    double x = rng_range(random, -largest, largest), y = rng_range(random, -largest, largest), z = rng_range(random, -largest, largest);
    double rx[3][3] = {{1, 0, 0}, {0, cos(x), -sin(x)}, {0, sin(x), cos(x)}};
    double ry[3][3] = {{cos(y), 0, sin(y)}, {0, 1, 0}, {-sin(y), 0, cos(y)}};
    double rz[3][3] = {{cos(z), -sin(z), 0}, {sin(z), cos(z), 0}, {0, 0, 1}};
    double yx[3][3];
    multiply3(ry, rx, yx);
    multiply3(rz, yx, motion);
    for (int i = 0; i < 3; i++) {
        double factor = rng_range(random, 1, config_real(config, "augment.vcg_rotation.scale"));
        for (int j = 0; j < 3; j++) motion[i][j] *= factor;
    }
}

/* map = D^T (D D^T)^-1 motion D */
static void lead_map(double motion[3][3], double map[LEADS][LEADS])
{
    double gram[3][3] = {{0}}, inverse[3][3], middle[3][3];
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int l = 0; l < LEADS; l++) gram[i][j] += dower[i][l] * dower[j][l];
    invert3(gram, inverse);
    multiply3(inverse, motion, middle);
    for (int a = 0; a < LEADS; a++)
        for (int b = 0; b < LEADS; b++) {
            map[a][b] = 0;
            for (int i = 0; i < 3; i++)
                for (int j = 0; j < 3; j++) map[a][b] += dower[i][a] * middle[i][j] * dower[j][b];
        }
}

static bool apply(augment_segment *s, const pclr_config *config, rng *random)
{
    int64_t lead[LEADS];
    double motion[3][3], map[LEADS][LEADS];
    for (int l = 0; l < LEADS; l++)
        if ((lead[l] = tools_find_lead(s, lead_names[l])) < 0) return false;
    draw_motion(config, random, motion);
    lead_map(motion, map);
    for (int64_t t = 0; t < s->samples; t++) {
        float *x = s->signal + t * s->leads;
        double before[LEADS], of_i, of_ii;
        for (int l = 0; l < LEADS; l++) before[l] = (double)x[lead[l]];
        for (int l = 0; l < LEADS; l++) {
            double sum = 0;
            for (int k = 0; k < LEADS; k++) sum += map[l][k] * before[k];
            x[lead[l]] = (float)sum;
        }
        double i = (double)x[lead[0]], ii = (double)x[lead[1]];
        for (int64_t c = 0; c < s->leads; c++)
            if (tools_limb_lead(s->lead_name[c], &of_i, &of_ii)) x[c] = (float)(of_i * i + of_ii * ii);
    }
    return true;
}

const augment_type augment_vcg_rotation = {
    .name = "vcg_rotation",
    .description = "the heart's vector is turned and scaled in space (Gopal et al. 2021)",
    .keys = keys,
    .keys_count = sizeof keys / sizeof *keys,
    .apply = apply,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Operations between processes. The backward pass of each starts from its share of the common loss (all_mean); what others' shares say of
 * this process's rows comes back through all_rows. */

/* all_rows: the rows of all processes in order of rank. Its gradient is the sum over the processes. work: terms of the sum. */
static size_t all_rows_work(const nn_call *c)
{
    return (size_t)c->out.size * sizeof(double);
}

static void all_rows_forward(const nn_call *c)
{
    world_gather(c->world, c->in[0].data, (size_t)c->in[0].size * sizeof(real), c->out.data);
}

static void all_rows_backward(const nn_call *c)
{
    double *sum = c->work, *own = sum + c->in[0].size * pclr_world_rank(c->world);
    for (int64_t i = 0; i < c->out.size; i++) sum[i] = (double)out_grad(c)[i];
    world_sum(c->world, sum, (size_t)c->out.size);
    for (int64_t i = 0; i < c->in[0].size; i++) in_grad(c, 0)[i] += (real)own[i];
}

/* all_mean: sum_k w_k x_k / max(sum_k w_k, 1e-12). saved: this process's w / sum w. work: terms of the sum. */
static size_t all_mean_saved(const nn_call *c)
{
    (void)c;
    return sizeof(double);
}

static size_t all_mean_work(const nn_call *c)
{
    return (size_t)(c->out.size + 1) * sizeof(double);
}

static void all_mean_forward(const nn_call *c)
{
    const double weight = absent(c, 1) ? 1 : (double)in_data(c, 1)[0];
    double *sum = c->work;
    for (int64_t i = 0; i < c->out.size; i++) sum[i] = weight * (double)in_data(c, 0)[i];
    sum[c->out.size] = weight;
    world_sum(c->world, sum, (size_t)c->out.size + 1);
    const double total = fmax(sum[c->out.size], 1e-12);
    for (int64_t i = 0; i < c->out.size; i++) out_data(c)[i] = (real)(sum[i] / total);
    *(double *)c->saved = weight / total;
}

static void all_mean_backward(const nn_call *c)
{
    const double share = *(const double *)c->saved;
    for (int64_t i = 0; i < c->out.size; i++) in_grad(c, 0)[i] += (real)(share * (double)out_grad(c)[i]);
}

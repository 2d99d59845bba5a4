/* SPDX-License-Identifier: Apache-2.0 */
/* What the objectives share: their state's first member, inputs of views, terms for the log. Private to objective/. */
#ifndef PCLR_OBJECTIVE_COMMON_H
#define PCLR_OBJECTIVE_COMMON_H

#include "base/memory.h"
#include "objective/objective.h"

/* A zeroed state of `size` bytes that begins with an objective_base. */
pclr_status objective_new(objective **o, size_t size, const objective_type *type, const objective_setup *setup, pclr_error *error);
/* Frees the state itself; what it points to is freed by its owner before. Accepts NULL. */
void objective_free(objective **o);

/* Inputs "view0", "view1", ... [B][T][C] into id[count]. */
void objective_view_inputs(const objective_setup *setup, nn_id *id, int count);
/* Copies the batch's views into those inputs. */
pclr_status objective_feed_views(objective_base *base, const objective_batch *batch, const nn_id *id, int count, pclr_error *error);
/* Copies count values into an input; does nothing for NN_NONE. */
void objective_feed_floats(objective_base *base, nn_id id, const float *values, int64_t count);
/* The same for flags: 1 where set, else 0. */
void objective_feed_flags(objective_base *base, nn_id id, const uint8_t *flags, int64_t count);

/* This process's features and their validity into two inputs [B][F]; does nothing for NN_NONE. */
void objective_feed_features(objective_base *base, nn_id feature, nn_id valid, const objective_batch *batch);

/* All views through one encoder pass (batch statistics are shared), [count B][T'][D]. */
nn_id objective_encode_views(const objective_setup *setup, const nn_id *view, int count);
/* Rows [part * B, part * B + B) of a stack of views. */
nn_id objective_part(const objective_setup *setup, nn_id stack, int part);
/* Items of all processes. */
int64_t objective_all_items(const objective_setup *setup);
/* A stack of views of this process's items -> the stack of the same views of all items. */
nn_id objective_all_rows(const objective_setup *setup, nn_id stack);
/* ... of which this is view `part`. */
nn_id objective_all_part(const objective_setup *setup, nn_id stack, int part);
/* A mean over this process's items, weighted by `weight` (NN_NONE: evenly) -> the mean over all items. Every loss ends in it; one that
 * each process computes from all rows stays what it is, and its gradient is then shared out. */
nn_id objective_all_mean(nn_graph *g, nn_id mean, nn_id weight);
/* Mean over time, then projection to unit length by the keys objective.projection*; *pooled gets the mean. */
nn_id objective_project(const objective_setup *setup, nn_id encoded, nn_id *pooled);
/* Marks part 0 of the pooled stack as the embedding that diagnostics read. */
void objective_set_embedding(objective_base *base, const objective_setup *setup, nn_id pooled);

/* A graph scalar for the log; kept. */
void objective_term_scalar(objective_base *base, const char *name, nn_id id);
/* A number computed by feed or after_step; returns its index in base->term. */
size_t objective_term_value(objective_base *base, const char *name);

/* sum + weight * term; either may be NN_NONE (nothing yet, or a failed graph); a term of weight 0 is left out. */
nn_id objective_add_weighted(nn_graph *g, nn_id sum, nn_id term, double weight);

#endif

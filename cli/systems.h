/* SPDX-License-Identifier: Apache-2.0 */
/* What evaluate and compare are given: prediction files of any system, and model files, which predict first. */
#ifndef PCLR_CLI_SYSTEMS_H
#define PCLR_CLI_SYSTEMS_H

#include "cli.h"

typedef struct system_entry {
    char predictions[4096]; /* CSV */
    bool temporary;         /* made here, removed by systems_close */
    char name[256];         /* for tables and legends */
    pclr_model *model;      /* NULL: a prediction file */
    double *threshold;      /* [classes of the model] */
    const char **class_name;
    char details[8192]; /* what the model file says of itself */
    pclr_operating_points points;
} system_entry;

typedef struct systems {
    size_t count;
    system_entry *entry;
    /* The same as arrays for the library. */
    const char **predictions, **name;
    const pclr_operating_points **operating;
    const char **validation; /* [count] predictions on validation records, NULL: none */
    const char *task; /* the models' own, NULL: none or different ones */
} systems;

/* Arguments of the command from the first on; models predict the dataset of --labels (its --split), or --recordings. Exit status. */
int systems_open(cli_context *c, systems *s);
void systems_close(systems *s);

#endif

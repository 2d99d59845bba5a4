# SPDX-License-Identifier: Apache-2.0
# The law of includes (docs/architecture.md): each folder of src/, and the folders whose headers it may see besides its own.
# A folder sees only folders listed before it. Read by the build and by tests/project/law.cmake.
set(PCLR_FOLDERS base signal record dataset physio simulate nn model objective augment eval train infer doctor report)
set(PCLR_SEES_base)
set(PCLR_SEES_signal base)
set(PCLR_SEES_record base)
set(PCLR_SEES_dataset base record signal)
set(PCLR_SEES_physio base signal record dataset)
set(PCLR_SEES_simulate base signal record)
set(PCLR_SEES_nn base)
set(PCLR_SEES_model base nn)
set(PCLR_SEES_objective base nn model)
set(PCLR_SEES_augment base signal)
set(PCLR_SEES_eval base dataset)
set(PCLR_SEES_train base record dataset signal physio augment nn model objective eval)
set(PCLR_SEES_infer base record dataset signal physio nn model)
set(PCLR_SEES_doctor base record signal dataset physio)
set(PCLR_SEES_report base record eval physio dataset)

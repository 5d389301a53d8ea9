// The recognizer in the browser: the graph, and what is computed from its outputs.

import { answerPhoto, answerSpecimen } from "./answer.js";
import { evidence, overlay } from "./evidence.js";
import { nearest } from "./nearest.js";
import { openSet, vectorOf } from "./open_set.js";
import { readPhoto } from "./photo.js";
import { square } from "./preprocess.js";
import { ranking } from "./ranking.js";

// `run` maps input name -> square to output name -> { data, dims }.
export class Recognizer {
  constructor(constants, tensors, run) {
    this.constants = constants;
    this.tensors = tensors;
    this.run = run;
  }

  // Everything that is computed from one photo. Photos that the browser cannot decode throw.
  async read(file) {
    const { constants, tensors } = this;
    const side = Math.max(...constants.inputs.map(({ preprocess }) => preprocess.image_size));
    const { image, width, height } = await readPhoto(file, side);
    const squares = constants.inputs.map(({ name, preprocess }) => [name, square(image, preprocess)]);
    const graph = await this.run(Object.fromEntries(squares));
    const vector = tensors.components ? vectorOf(graph.embedding.data, tensors) : null;
    const outputs = { probabilities: graph.probabilities.data, logits: graph.logits.data };
    const found = openSet(outputs, vector, constants, tensors);
    const maps = constants.evidence.map(({ output, preprocess }) => ({
      preprocess,
      values: graph[output].data,
      shape: graph[output].dims,
    }));
    const explained = Array.from(graph.explained?.data ?? [], Number);
    return { ...found, vector, width, height, maps, explained };
  }

  answer(reading, path) {
    return answerPhoto(path, reading.probabilities, reading.unknown, this.constants);
  }

  answerTogether(readings, paths) {
    return answerSpecimen(paths, readings, this.constants);
  }

  // As `fieldmark explain`, with overlays as data URIs.
  async explain(reading, against) {
    const { classes } = this.constants;
    const order = ranking(reading.probabilities);
    const other = against === undefined ? order[1] : classes.indexOf(against);
    if (![order[0], other].every((index) => reading.explained.includes(index))) {
      throw new Error("the graph of this page holds no layers to look into for these classes");
    }
    const { map, contrast, ...place } = evidence(reading, order[0], other);
    const names = { label: classes[order[0]], against: classes[other] };
    const facts = { ...names, ...place, map: rows(map), contrast: rows(contrast) };
    const [mapOverlay, contrastOverlay] = await Promise.all([overlay(map, place), overlay(contrast, place)]);
    return { evidence: facts, map_overlay: mapOverlay, contrast_overlay: contrastOverlay };
  }

  nearest(reading, k, label) {
    return nearest(reading.vector, this.tensors.known_vectors, this.constants.known, k, label);
  }
}

function rows({ data, width, height }) {
  return Array.from({ length: height }, (_, row) => Array.from(data.subarray(row * width, (row + 1) * width)));
}

"""Every text of a field guide in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from fieldmark.errors import unknown_name

__all__ = ["TEXTS", "GuideTexts", "Language", "guide_texts"]

Language = Literal["en", "zh"]

_ENGLISH = {
    "kind": "Field guide",
    "title": "Field guide to {count} look-alikes",
    "lead": "What each class looks like, which classes it is confused with, and where the model sees the difference.",
    "counts_trained": "All counts are for {photos} that the model was trained on, because there are no others. On new "
    "photos it will be worse.",
    "counts_unseen": "All counts are for {photos} that the model was not trained on. It identified {top1} correctly.",
    "photos": "{count} {split} photos",
    "two_photos": "{first} {first_split} and {second} {second_split} photos",
    "cross_validated": "{photos} in cross-validation",
    "val_cross_validated": "{photos} (val in cross-validation)",
    "test": "test",
    "val": "val",
    "train": "train",
    "search": "Search classes",
    "correct": "correct",
    "photos_to_add": "Photos to add",
    "more_advised": "{count} more classes have advice beside their photos below.",
    "look_alikes": "Look-alikes",
    "look_alikes_lead": "The most alike first. A frame marks the strongest evidence for the true class against the "
    "other one; below the photo is the place around it. All of these photos are predicted correctly.",
    "held_out_first": "Held-out photos come first; if there are too few, typical training photos follow.",
    "pairs_shown": "These are the {shown} most alike of {all} pairs;",
    "shows_all": "shows all.",
    "plate": "Plate {number}",
    "and": "and",
    "confused": "Confused in {mistaken} of {photos} photos: {lost} of {first_photos} {first} predicted as {second}; "
    "{won} of {second_photos} {second} predicted as {first}.",
    "never_confused": "Never confused in {photos} photos, but the nearest to each other by probability.",
    "look_at": "Look at the {part}.",
    "look_at_then": "Look at the {part}, then at the {others}.",
    "others_joined": " and the ",
    "part": "{part} ({share} of the evidence in {area} of the area)",
    "no_part": "No single part stands out: the evidence is spread over the whole object.",
    "side": "{name}: the frames mark what speaks most for {name} against {other}.",
    "side_plain": "{name}: typical photos. None is predicted correctly, so there is no evidence to show.",
    "photo_of": "{name}, {caption}",
    "close_up": "close-up of {name}",
    "confident": "{share} confident",
    "training_photo": "training photo",
    "predicted_as": "Predicted as {other}:",
    "mistaken": "{name}, predicted as {other}",
    "outside": "outside the box",
    "classes": "All classes",
    "classes_lead": "The first photo is the most typical one (the medoid of the class). Each of the others covers "
    "photos that look different from those before it.",
    "correct_of": "{correct} of {tested} correct",
    "not_tested": "not tested",
    "trained_on": "trained on {count}",
    "similar": "Similar to",
    "confused_times": "({count} confused)",
    "comma": ", ",
    "colon": ". ",
    "note": "Notes",
    "note_on": "Notes on {name}",
    "notes_lead": "Write notes on a class beside its photos. This browser keeps them. Save them as a file to share "
    "them, and to put them into the next guide with --notes FILE.",
    "notes_save": "Save notes as a file",
    "notes_add": "Add notes from a file",
    "notes_added": "Added notes on {count} classes.",
    "notes_bad": "This file has no notes of a field guide.",
    "how_to_read": "How to read this guide",
    "how_look_alikes": "Look-alikes are classes that get a high probability on each other’s photos, even if the "
    "prediction is correct.",
    "how_evidence": "The evidence at one place is what it adds to the score of the true class minus the score of the "
    "other class. The frame contains the connected area around the peak with at least half of its strength. It shows "
    "what this model uses, which may differ from what an expert would use. If the frame lies on the background, the "
    "model has learned the place rather than the object.",
    "how_method": "Method: {how}.",
    "how_parts": "Each bar is the share of the evidence nearest to one annotated part, over all photos of a pair. "
    "Positive and negative evidence cancel first. The line on a bar is the share of the {whole} nearest to that part, "
    "which uniform evidence would give. A map cell may cover two neighbouring parts, which then share its evidence.",
    "whole_box": "box",
    "whole_photo": "photo",
    "advice_few": "Add photos: it was trained on only {photos}.",
    "advice_few_median": "Add photos: it was trained on only {photos}; half of the classes have {median} or more.",
    "one_photo": "1 photo",
    "many_photos": "{count} photos",
    "advice_weak": "Only {correct} of {tested} are correct, against {top1} over all classes: add photos and check its "
    "labels.",
    "advice_weak_pair": "Only {correct} of {tested} are correct, against {top1} over all classes. {lost} are predicted "
    "as {other} ({won} the other way): add photos that show what separates the two, and check the labels of both.",
    "advice_uneven": "{lost} photos are predicted as {other} ({won} the other way), which has {others} training photos "
    "against {own}: add photos of this class.",
    "advice_side": "{bad} of {bad_photos} photos {bad_view} are correct, but {good} of {good_photos} {good_view}: add "
    "photos {bad_view}.",
    "view_front": "from the front",
    "view_both": "with both {part}s visible",
    "view_one": "with one {part} visible",
}

_CHINESE = {
    "kind": "识别图鉴",
    "title": "{count} 个相似类别的识别图鉴",
    "lead": "每个类别长什么样、容易与哪些类别混淆，以及模型从哪里看出差别。",
    "counts_trained": "所有统计均来自{photos}。模型正是用这些照片训练的（没有其他照片），在新照片上的表现会更差。",
    "counts_unseen": "所有统计均来自{photos}，模型没有用它们训练；其中 {top1} 识别正确。",
    "photos": "{count} 张{split}照片",
    "two_photos": "{first} 张{first_split}照片和 {second} 张{second_split}照片",
    "cross_validated": "{photos}（交叉验证）",
    "val_cross_validated": "{photos}（其中验证照片为交叉验证）",
    "test": "测试",
    "val": "验证",
    "train": "训练",
    "search": "搜索类别",
    "correct": "识别正确",
    "photos_to_add": "需要补充的照片",
    "more_advised": "另有 {count} 个类别的建议写在下文各自的照片旁。",
    "look_alikes": "相似类别",
    "look_alikes_lead": "最相似的排在最前。方框标出支持真实类别、反对另一类别的最强证据；"
    "照片下方是方框及其周围的局部。这些照片全部识别正确。",
    "held_out_first": "优先选用未参与训练的照片；数量不足时，再用典型的训练照片补足。",
    "pairs_shown": "这里列出 {all} 对中最相似的 {shown} 对；用",
    "shows_all": "可显示全部。",
    "plate": "图版 {number}",
    "and": "与",
    "confused": "{photos} 张照片中有 {mistaken} 张混淆："
    "{first_photos} 张{first}中有 {lost} 张被识别为{second}；"
    "{second_photos} 张{second}中有 {won} 张被识别为{first}。",
    "never_confused": "{photos} 张照片中没有混淆，但两者的概率最为接近。",
    "look_at": "请看{part}。",
    "look_at_then": "先看{part}，再看{others}。",
    "others_joined": "和",
    "part": "{part}（占证据的 {share}，占面积的 {area}）",
    "no_part": "没有哪个部位特别突出：证据分布在整个目标上。",
    "side": "{name}：方框标出最能把它与{other}区分开的部位。",
    "side_plain": "{name}：典型照片。没有一张识别正确，因此没有证据可以展示。",
    "photo_of": "{name}，{caption}",
    "close_up": "{name}的局部",
    "confident": "置信度 {share}",
    "training_photo": "训练照片",
    "predicted_as": "被识别为{other}：",
    "mistaken": "{name}，被识别为{other}",
    "outside": "边界框以外",
    "classes": "全部类别",
    "classes_lead": "第一张是最典型的照片（该类别的中心点，medoid）；其余每张代表与前面几张外观不同的照片。",
    "correct_of": "{tested} 张中 {correct} 张正确",
    "not_tested": "未测试",
    "trained_on": "训练照片 {count} 张",
    "similar": "相似类别：",
    "confused_times": "（混淆 {count} 次）",
    "comma": "、",
    "colon": "：",
    "note": "笔记",
    "note_on": "{name}的笔记",
    "notes_lead": "可以在每个类别的照片旁写笔记，内容保存在本浏览器中。存为文件后可以分享给别人，"
    "也可以用 --notes FILE 并入下一份图鉴。",
    "notes_save": "将笔记存为文件",
    "notes_add": "从文件加入笔记",
    "notes_added": "已加入 {count} 个类别的笔记。",
    "notes_bad": "这个文件里没有图鉴笔记。",
    "how_to_read": "如何阅读本图鉴",
    "how_look_alikes": "相似类别是指在对方照片上得到较高概率的类别，即使预测结果是正确的。",
    "how_evidence": "某个位置的证据，是它对真实类别得分的贡献减去对另一类别得分的贡献。"
    "方框是峰值周围强度不低于峰值一半的连通区域。它反映的是这个模型所依据的特征，不一定与专家的依据相同。"
    "如果方框落在背景上，说明模型学到的是拍摄地点，而不是目标本身。",
    "how_method": "计算方法（英文）：{how}。",
    "how_parts": "每个条形表示一对类别的所有照片中，离某个标注部位最近的证据所占的比例；正负证据先相互抵消。"
    "条形上的竖线是离该部位最近的{whole}面积比例，也就是证据均匀分布时的值。一个特征图单元可能覆盖两个相邻部位，"
    "证据由它们分摊。",
    "whole_box": "边界框",
    "whole_photo": "照片",
    "advice_few": "请补充照片：训练时只有 {photos}。",
    "advice_few_median": "请补充照片：训练时只有 {photos}，而半数类别有 {median} 张或更多。",
    "one_photo": "1 张照片",
    "many_photos": "{count} 张照片",
    "advice_weak": "{tested} 张中只有 {correct} 张正确，而全部类别的正确率为 {top1}：请补充照片，并检查标签。",
    "advice_weak_pair": "{tested} 张中只有 {correct} 张正确，而全部类别的正确率为 {top1}。"
    "其中 {lost} 张被识别为{other}（反过来有 {won} 张）：请补充能看出两者差别的照片，并检查两者的标签。",
    "advice_uneven": "有 {lost} 张照片被识别为{other}（反过来有 {won} 张），而它有 {others} 张训练照片，"
    "本类只有 {own} 张：请补充本类的照片。",
    "advice_side": "{bad_view}的 {bad_photos} 张照片中 {bad} 张正确，"
    "而{good_view}的 {good_photos} 张中 {good} 张正确：请补充{bad_view}的照片。",
    "view_front": "正面",
    "view_both": "能看到左右两侧{part}",
    "view_one": "只能看到一侧{part}",
}

TEXTS: Mapping[Language, Mapping[str, str]] = {"en": _ENGLISH, "zh": _CHINESE}
"""Language -> key -> text with named places."""


@dataclass(frozen=True, slots=True)
class GuideTexts:
    """The texts of one language."""

    lang: Language

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its places filled in. Numbers get separators of thousands."""
        shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        return TEXTS[self.lang][key].format(**shown)

    def photos(self, count: int) -> str:
        return self("one_photo") if count == 1 else self("many_photos", count=count)


def guide_texts(lang: str) -> GuideTexts:
    """Return the texts of a language.

    Raises:
        SettingError: There is no guide in that language.
    """
    for known in get_args(Language):
        if lang == known:
            return GuideTexts(known)
    raise unknown_name("language", lang, get_args(Language))

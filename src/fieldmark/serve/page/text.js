// All texts of the page in both languages, and the choice of the language.

const STRINGS = {
  en: {
    title: "What's in this photo?",
    lead: "Drop photos here, paste them, or choose some. Every answer shows its evidence.",
    choose: "Choose photos",
    camera: "Take a photo",
    hint: "JPEG, PNG, WebP, TIFF and more; you can add several at once.",
    privacy: "Photos are sent only to this server. It keeps none, unless you save one as a new class.",
    other: "中文",
    otherLabel: "Show this page in Chinese",
    model: "{count} classes",
    reading: "Looking at {count} …",
    done: "{count} answered",
    photosOne: "1 photo",
    photosMany: "{count} photos",
    failed: "This photo can't be read",
    unreachable: "The server can't be reached. Is it still running?",
    sure: "Most likely",
    backoff: "Only the {rank} is certain; most likely {label}",
    unsure: "No rank is certain enough; most likely",
    unknown: "This is probably none of the classes that the model knows.",
    setOne: "On photos like yours, this class is correct {coverage} of the time.",
    setMany: "On photos like yours, one of these {count} classes is correct {coverage} of the time.",
    inSet: "in the set",
    setMore: "{count} more classes in the set",
    compare: "Compare with {label}",
    compareHint: "Select another candidate to compare.",
    evidence: "Evidence",
    evidenceFor: "for the answer",
    evidenceAgainst: "against {label}",
    opacity: "Overlay strength",
    speaksFor: "evidence for {label}",
    speaksAgainst: "evidence against {label}",
    drawing: "Drawing the evidence …",
    noEvidence: "No evidence map: {reason}",
    notShown: "Your browser can't show this kind of file, but the answer is based on its content.",
    noPicture: "No picture",
    nearest: "Nearest known photos",
    nearestOf: "Nearest known photos of {label}",
    similarity: "similarity {value}",
    gone: "photo not available",
    noneOfThese: "None of these? Save as a new class",
    newName: "Name of the new class",
    morePhotos: "More photos of this class (three to five work best)",
    token: "Access token",
    save: "Save",
    saving: "Saving …",
    saved: "Added “{label}” from {photos}.",
    savedCost: "On {count} earlier photos, accuracy was {before} and is now {after}.",
    remove: "Remove this photo from the page",
    photoOf: "Your photo {name}",
    overlayOf: "Where the evidence lies",
    rank: "rank",
  },
  zh: {
    title: "照片里是什么？",
    lead: "把照片拖到这里、粘贴，或者选几张。每个回答都附上它的依据。",
    choose: "选择照片",
    camera: "拍一张",
    hint: "支持 JPEG、PNG、WebP、TIFF 等格式，可以一次多张。",
    privacy: "照片只发送到这台服务器；除非您把它存为新类别，否则不会保存。",
    other: "English",
    otherLabel: "用英文显示本页",
    model: "{count} 个类别",
    reading: "正在识别 {count}……",
    done: "已回答 {count}",
    photosOne: "1 张照片",
    photosMany: "{count} 张照片",
    failed: "无法读取",
    unreachable: "连接不上服务器，它还在运行吗？",
    sure: "最可能是",
    backoff: "只能确定到{rank}；最可能是 {label}",
    unsure: "任何级别都不够确定；最可能是",
    unknown: "可能不属于模型已知的任何类别。",
    setOne: "对于类似的照片，有 {coverage} 的概率就是这个类别。",
    setMany: "对于类似的照片，正确答案有 {coverage} 的概率在这 {count} 个类别之中。",
    inSet: "在集合内",
    setMore: "集合里另有 {count} 个类别",
    compare: "与 {label} 对比",
    compareHint: "选择另一个候选进行对比。",
    evidence: "依据",
    evidenceFor: "支持答案",
    evidenceAgainst: "对比 {label}",
    opacity: "叠加强度",
    speaksFor: "支持 {label}",
    speaksAgainst: "反对 {label}",
    drawing: "正在绘制依据……",
    noEvidence: "没有依据图：{reason}",
    notShown: "浏览器无法显示这种文件，但识别结果仍以其内容为准。",
    noPicture: "没有图片",
    nearest: "最相似的已知照片",
    nearestOf: "{label} 中最相似的已知照片",
    similarity: "相似度 {value}",
    gone: "照片不可用",
    noneOfThese: "都不是？存为新的类别",
    newName: "新类别的名称",
    morePhotos: "它的更多照片（三到五张更好）",
    token: "访问令牌",
    save: "保存",
    saving: "正在保存……",
    saved: "已用{photos}添加“{label}”。",
    savedCost: "在 {count} 张旧照片上，之前正确率 {before}，现在 {after}。",
    remove: "从页面移除这张照片",
    photoOf: "您的照片 {name}",
    overlayOf: "依据所在的位置",
    rank: "级别",
  },
};

const asked = new URLSearchParams(location.search).get("lang");
let language = [asked, navigator.language].find((each) => each && each.slice(0, 2) in STRINGS)?.slice(0, 2) ?? "en";

export const current = () => language;

export function toggle() {
  language = language === "en" ? "zh" : "en";
}

export function text(key, values = {}) {
  return STRINGS[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export const photos = (count) => (count === 1 ? text("photosOne") : text("photosMany", { count }));

export function percent(share, digits = 0) {
  const format = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: digits });
  if (share > 0.995 && share < 1) return `> ${format.format(0.99)}`;
  if (share > 0 && share < 0.005) return `< ${format.format(0.01)}`;
  return format.format(share);
}

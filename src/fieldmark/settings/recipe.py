"""What a recipe says of the data set that it was written for."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RecipeDataset"]


class RecipeDataset(BaseModel):
    """The table ``[dataset]`` of a recipe: enough to build its model and to tell its costs without any photos."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, description="as `read` names it, such as cub200_2011")
    classes: int = Field(ge=2, description="number of classes")
    photos: int = Field(ge=2, description="photos to learn from; val is carved from them")

import CheckpointCore

/// Ops on sequences of tensors: TensorArrays (TensorFlow 1), TensorLists (TensorFlow 2), stacks.
enum ListOps {
  static let table: [Op] =
    TensorArrays.versions("TensorArray", TensorArrays.make)
    + TensorArrays.versions("TensorArrayWrite", TensorArrays.write)
    + TensorArrays.versions("TensorArrayRead", TensorArrays.read)
    + TensorArrays.versions("TensorArrayGather", TensorArrays.gather)
    + TensorArrays.versions("TensorArrayScatter", TensorArrays.scatter)
    + TensorArrays.versions("TensorArraySize", TensorArrays.size)
    + TensorArrays.versions("TensorArrayConcat", TensorArrays.concat)
    + TensorArrays.versions("TensorArraySplit", TensorArrays.split)
    + TensorArrays.versions("TensorArrayClose", TensorArrays.close)
    + [
      Op("TensorArrayPack", TensorArrays.pack), Op("TensorArrayUnpack", TensorArrays.unpack),
      Op("EmptyTensorList", TensorLists.empty), Op("TensorListReserve", TensorLists.reserve),
      Op("TensorListFromTensor", TensorLists.fromTensor), Op("TensorListScatter", TensorLists.scatter),
      Op("TensorListScatterV2", TensorLists.scatter),
      Op("TensorListScatterIntoExistingList", TensorLists.scatterIntoExisting),
      Op("TensorListSplit", TensorLists.split), Op("TensorListResize", TensorLists.resize),
      Op("TensorListSetItem", TensorLists.setItem), Op("TensorListPushBack", TensorLists.pushBack),
      Op("TensorListPopBack", TensorLists.popBack), Op("TensorListConcatLists", TensorLists.concatLists),
      Op("TensorListGetItem", TensorLists.getItem), Op("TensorListStack", TensorLists.stack),
      Op("TensorListGather", TensorLists.gather), Op("TensorListConcat", TensorLists.concat),
      Op("TensorListConcatV2", TensorLists.concat), Op("TensorListLength", TensorLists.length),
      Op("TensorListElementShape", TensorLists.elementShape),
      Op("Stack", Stacks.make), Op("StackV2", Stacks.make), Op("StackPush", Stacks.push),
      Op("StackPushV2", Stacks.push),
      Op("StackPop", Stacks.pop), Op("StackPopV2", Stacks.pop), Op("StackClose", Stacks.close),
      Op("StackCloseV2", Stacks.close),
    ]
}

import CheckpointCore

/// Ops with a state that lasts as long as a run: variables, tables, queues. What they change is gone with the run.
enum StateOps {
  static let table: [Op] = [
    // Variables by reference.
    Op("VariableV2", Variables.reference), Op("Variable", Variables.reference),
    Op("TemporaryVariable", Variables.temporary),
    .plain("DestroyTemporaryVariable") { context throws(CheckpointError) in context.emit(try context.read(0)) },
    .plain("IsVariableInitialized", Variables.isInitialized),
    Op("Assign", Variables.assign),
    Op("AssignAdd") { node throws(CheckpointError) in try Variables.update(&node, .add) },
    Op("AssignSub") { node throws(CheckpointError) in try Variables.update(&node, .subtract) },
    // Variables by handle.
    Op("VarHandleOp", Variables.handle),
    .plain("ReadVariableOp") { context throws(CheckpointError) in
      context.emit(try context.resource(0, VariableCell.self).read())
    },
    .plain("VarIsInitializedOp", Variables.isInitialized),
    .plain("VariableShape") { context throws(CheckpointError) in
      context.emit(try context.ints(context.resource(0, VariableCell.self).tensor().dimensions, as: .int32))
    },
    Op("AssignVariableOp", Variables.assignResource),
    Op("AssignAddVariableOp") { node throws(CheckpointError) in try Variables.updateResource(&node, .add) },
    Op("AssignSubVariableOp") { node throws(CheckpointError) in try Variables.updateResource(&node, .subtract) },
    Op("ResourceGather", ResourceGather.build), Op("ResourceGatherNd", ResourceGather.buildND),
    Op("DisableCopyOnRead") { node throws(CheckpointError) in
      node.outputCount = 0
      return { _ throws(CheckpointError) in }
    },
    // Parts of variables.
    Op("ScatterUpdate") { node throws(CheckpointError) in try ScatterUpdate.build(&node, .replace) },
    Op("ScatterAdd") { node throws(CheckpointError) in try ScatterUpdate.build(&node, .add) },
    Op("ScatterSub") { node throws(CheckpointError) in try ScatterUpdate.build(&node, .subtract) },
    Op("ResourceScatterUpdate") { node throws(CheckpointError) in try ScatterUpdate.buildResource(&node, .replace) },
    Op("ResourceScatterAdd") { node throws(CheckpointError) in try ScatterUpdate.buildResource(&node, .add) },
    Op("ResourceScatterSub") { node throws(CheckpointError) in try ScatterUpdate.buildResource(&node, .subtract) },
    Op("StridedSliceAssign", StridedSliceAssign.build),
    Op("ResourceStridedSliceAssign", StridedSliceAssign.buildResource),
    // Tables.
    Op("HashTable", Tables.make), Op("HashTableV2", Tables.make),
    Op("MutableHashTable", Tables.make), Op("MutableHashTableV2", Tables.make),
    Op("InitializeTable", Tables.insert), Op("InitializeTableV2", Tables.insert),
    Op("LookupTableImport", Tables.insert), Op("LookupTableImportV2", Tables.insert),
    Op("LookupTableInsert", Tables.insert), Op("LookupTableInsertV2", Tables.insert),
    Op("InitializeTableFromTextFile", Tables.refuseFile), Op("InitializeTableFromTextFileV2", Tables.refuseFile),
    .plain("LookupTableFind", Tables.find), .plain("LookupTableFindV2", Tables.find),
    .plain("LookupTableSize", Tables.size), .plain("LookupTableSizeV2", Tables.size),
    // Queues.
    Op("FIFOQueue", Queues.make), Op("FIFOQueueV2", Queues.make),
    Op("PaddingFIFOQueue", Queues.make), Op("PaddingFIFOQueueV2", Queues.make),
    Op("QueueEnqueue", Queues.enqueue), Op("QueueEnqueueV2", Queues.enqueue),
    Op("QueueEnqueueMany", Queues.enqueueMany), Op("QueueEnqueueManyV2", Queues.enqueueMany),
    Op("QueueDequeue", Queues.dequeue), Op("QueueDequeueV2", Queues.dequeue),
    Op("QueueDequeueMany", Queues.dequeueMany), Op("QueueDequeueManyV2", Queues.dequeueMany),
    .plain("QueueSize", Queues.size), .plain("QueueSizeV2", Queues.size),
    Op("QueueClose", Queues.close), Op("QueueCloseV2", Queues.close),
  ]
}

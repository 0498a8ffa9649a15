# The table that the training program printed, computed again from each epoch's checkpoint: epoch, accuracy, loss.
# usage: sh accuracy-table.sh     (CKPT_CONVERT names the program; it is looked for in PATH otherwise)
tool=${CKPT_CONVERT:-ckpt-convert}
case=$(dirname "$0")/Cases/mnist-slim

echo "epoch, test_accuracy, test_loss"
for epoch in 0 1 2 3 4 5 6 7 8 9; do
  values=$("$tool" run "$case/checkpoints/epoch-9.meta" --weights "$case/checkpoints/epoch-$epoch" \
    --feed "images:0=$case/x_test.npy" --feed "labels:0=$case/y_test.npy" \
    --fetch accuracy_op:0 --fetch cross_entropy_op:0 --values) || exit
  printf '%d, %.3f, %.5f\n' "$epoch" $values
done

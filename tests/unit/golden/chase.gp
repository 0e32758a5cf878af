# Memory latency against the size of the data that is walked
# Redraw: gnuplot chase.gp
here = ''
if (exists('ARG0')) {
    do for [i = 1:strlen(ARG0)] {
        if (ARG0[i:i] eq '/') { here = ARG0[1:i] }
    }
}
data = here.'chase.dat'
set encoding utf8
set terminal svg name 'chase' size 820,468 dynamic noenhanced background '#ffffff' font 'sans-serif,13'
set output here.'chase.svg'
set border 3 lc rgb '#808080'
set tics nomirror out scale 0.6 textcolor lt -1
set grid lt 1 lw 0.4 lc rgb '#B0B0B0'
set xlabel offset 0,0.4
unset key
set label 'Memory latency against the size of the data that is walked' at screen 0.0146, screen 0.9530 left font ',15'
set label 'host' at screen 0.0244, screen 0.8974 left offset 1,-0.2 font ',12' point lc rgb '#808080' pt 7 ps 0.6
set label 'host2' at screen 0.1000, screen 0.8974 left offset 1,-0.2 font ',12' point lc rgb '#808080' pt 6 ps 0.6
set label 'container' at screen 0.1841, screen 0.8974 left offset 1,-0.2 font ',12' point lc rgb '#0072B2' pt 7 ps 0.6
set label 'vm (emulated)' at screen 0.3024, screen 0.8974 left offset 1,-0.2 font ',12' point lc rgb '#D55E00' pt 5 ps 0.6
set tmargin at screen 0.8547
set logscale xy
set xrange [8192:5.36871e+08]
set yrange [0.991668:397.402]
set xtics ('16K' 16384, '64K' 65536, '256K' 262144, '1M' 1048576, '4M' 4194304, '16M' 16777216, '64M' 67108864, '256M' 268435456)
set ytics ('1 ns' 1, '2 ns' 2, '5 ns' 5, '10 ns' 10, '20 ns' 20, '50 ns' 50, '100 ns' 100, '200 ns' 200)
set xlabel 'bytes walked (log scale)'
set ylabel 'time of a load (log scale): lower is better ↓'
set arrow from 49152, graph 0 to 49152, graph 1 nohead dt 2 lc rgb '#808080' back
set label 'L1d 48K' at 49152, graph 0.97 left offset 0.5,0 font ',11'
set arrow from 2097152, graph 0 to 2097152, graph 1 nohead dt 2 lc rgb '#808080' back
set label 'L2 2M' at 2097152, graph 0.97 left offset 0.5,0 font ',11'
set arrow from 33554432, graph 0 to 33554432, graph 1 nohead dt 2 lc rgb '#808080' back
set label 'last level 32M' at 33554432, graph 0.97 left offset 0.5,0 font ',11'
plot data index 0 using ($1*0.9339):2:3:4 with yerrorlines lw 1.5 lc rgb '#808080' pt 7 ps 0.6, \
     data index 1 using ($1*0.9775):2:3:4 with yerrorlines lw 1.5 lc rgb '#808080' pt 6 ps 0.6, \
     data index 2 using ($1*1.0231):2:3:4 with yerrorlines lw 1.5 lc rgb '#0072B2' pt 7 ps 0.6, \
     data index 3 using ($1*1.0708):2:3:4 with yerrorlines lw 1.5 lc rgb '#D55E00' pt 5 ps 0.6

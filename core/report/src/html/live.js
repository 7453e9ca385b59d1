(function(){
var now=document.getElementById("now"),strip=document.getElementById("strip"),said=document.getElementById("said"),got=Date.now();
if(!window.EventSource)return;
function time(s){s=Math.floor(s);return s<120?s+" s":s<7200?Math.floor(s/60)+" min "+s%60+" s":Math.floor(s/3600)+" h "+Math.floor(s%3600/60)+" min"}
setInterval(function(){strip.querySelectorAll(".since").forEach(function(e){e.textContent=time(+e.dataset.s+(Date.now()-got)/1000)})},1000);
var url="/events?run="+encodeURIComponent(now.dataset.run||"")+(now.dataset.last===undefined?"":"&last="+now.dataset.last);
var events=new EventSource(url),lost=false;
function on(name,f){events.addEventListener(name,function(e){f(e.data,e)})}
on("strip",function(html){strip.innerHTML=html;got=Date.now()});
on("trial",function(html,e){
var list=document.getElementById("list");
if(!list||document.getElementById("t"+e.lastEventId))return;
list.insertAdjacentHTML("beforeend",html);
list.dispatchEvent(new Event("more"));
said.textContent="trial "+e.lastEventId+": "+list.lastElementChild.firstElementChild.children[1].textContent;
});
var top=null;
on("top",function(text){
var waits=top!==null;
top=text;
// The row first: the pictures of a long run take longer than a frame.
if(!waits)requestAnimationFrame(function(){setTimeout(function(){
var parts=JSON.parse(top),kind=document.getElementById("kind"),chosen=kind.value;
top=null;
document.getElementById("top").innerHTML=parts.top;
kind.innerHTML=parts.kinds;
kind.value=chosen;
},0)});
});
on("reload",function(){events.close();location.reload()});
events.onerror=function(){lost=true;said.textContent="piton serve does not answer; trying again"};
events.onopen=function(){if(lost)said.textContent="";lost=false};
document.querySelectorAll("#now form").forEach(function(form){
form.addEventListener("submit",function(e){
e.preventDefault();
var data=new URLSearchParams(new FormData(form));
if(e.submitter&&e.submitter.name)data.set(e.submitter.name,e.submitter.value);
said.textContent="asking";
fetch(form.action,{method:"POST",body:data,headers:{Accept:"text/plain"}}).then(function(r){return r.text()}).then(function(text){
said.textContent=text;
if(form.elements.text)form.elements.text.value="";
},function(){said.textContent="piton serve does not answer"});
});
});
})();
